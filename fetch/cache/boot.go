package cache

// Boot names this run of the system, "-" where there is no telling. What was written before a power cut may since be empty,
// though everything that was synced after it is there: whoever remembers that the cache was right remembers this as well.
func Boot() string { return bootID() }
