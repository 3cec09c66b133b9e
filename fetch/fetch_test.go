package fetch

import (
	"testing"

	"github.com/geeknik/gal-pkg/version"
)

func TestMetrics(t *testing.T) {
	if got := (Metrics{}).HitRate(); got != 0 {
		t.Errorf("nothing asked: rate %v", got)
	}
	sum := Metrics{CachedPackages: 9, RegistryRequests: 1, Hits: 2, Misses: 1, Bytes: 10, Healed: 1}.Add(Metrics{CachedPackages: 4, RegistryRequests: 2, Hits: 1, Bytes: 5})
	if want := (Metrics{CachedPackages: 4, RegistryRequests: 3, Hits: 3, Misses: 1, Bytes: 15, Healed: 1}); sum != want || sum.HitRate() != 0.75 {
		t.Errorf("got %+v with rate %v, want %+v", sum, sum.HitRate(), want)
	}
}

func TestItemNames(t *testing.T) {
	i := Item{Name: "orbit/telemetry", Key: "orbit~telemetry", Version: version.MustParse("1.2.0")}
	if i.Folder() != "orbit~telemetry-1.2.0" || i.String() != "orbit/telemetry 1.2.0" {
		t.Errorf("got %q and %q", i.Folder(), i.String())
	}
}

func TestEventsMayBeAbsent(t *testing.T) {
	var e Events
	e.Start(Item{})
	e.Advance(Item{}, 1)
	e.Finish(Item{}, true)
	e.Heal(Item{}, "")
	e.Wait("")
	e.Plan(1, 1)
	e.Warn("")
	told := 0
	e = Events{Started: func(Item) { told++ }, Progress: func(Item, int64) { told++ }, Done: func(Item, bool) { told++ }, Healed: func(Item, string) { told++ }, Waiting: func(string) { told++ },
		Planned: func(int, int64) { told++ }, Warned: func(string) { told++ }}
	e.Start(Item{})
	e.Advance(Item{}, 1)
	e.Finish(Item{}, true)
	e.Heal(Item{}, "")
	e.Wait("")
	e.Plan(1, 1)
	e.Warn("")
	if told != 7 {
		t.Errorf("%d of 7 events were told", told)
	}
}
