package main

// exitCodes explains the exit codes of internal/cmdline.
const exitCodes = `0    it worked
1    it ran, and the answer is no: findings, a stale lock, a check that failed
2    the command line cannot be meant: a flag, a name, a version
3    a manifest, a lock or a configuration file is wrong
4    no set of versions satisfies the requirements
5    a package, version, feature or registry is not there
6    the network failed, or was needed with --offline
7    SECURITY: bytes, signatures or histories are not what they must be
8    credentials are missing or were refused
9    you said no, or a question could not be asked
70   a bug of gal-pkg
130  interrupted
143  told to end, or left by its terminal
`
