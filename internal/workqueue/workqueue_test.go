package workqueue_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/geeknik/gal-pkg/internal/workqueue"
)

func TestOneAtATimeInOrder(t *testing.T) {
	var done []int
	q := workqueue.New(0, func(n int) { done = append(done, n) }) // none is one
	want := make([]int, 100)
	for i := range want {
		want[i] = i
		if !q.Add(i) {
			t.Fatalf("%d was not taken", i)
		}
	}
	q.Close()
	if !slices.Equal(done, want) {
		t.Errorf("done %v", done)
	}
}

func TestAsManyAtOnceAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		begun, release := 0, make(chan struct{})
		q := workqueue.New(3, func(int) {
			mu.Lock()
			begun++
			mu.Unlock()
			<-release
		})
		for i := range 10 {
			q.Add(i)
		}
		for want := 3; want <= 10; want++ {
			synctest.Wait()
			mu.Lock()
			if begun != want {
				t.Errorf("%d are begun, want %d", begun, want)
			}
			mu.Unlock()
			release <- struct{}{}
		}
		close(release)
		q.Close()
	})
}

// A queue that ran empty begins again.
func TestAfterARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sum := 0
		q := workqueue.New(1, func(n int) { sum += n })
		for _, n := range []int{1, 2, 4} {
			q.Add(n)
			synctest.Wait()
		}
		q.Close()
		if sum != 7 {
			t.Errorf("the sum is %d, want 7", sum)
		}
	})
}

// Everything that was taken is done, and nothing else, whoever adds and closes at once.
func TestCloseWhileOthersAdd(t *testing.T) {
	for range 200 {
		var mu sync.Mutex
		done, taken := map[int]int{}, map[int]int{}
		q := workqueue.New(2, func(n int) {
			mu.Lock()
			defer mu.Unlock()
			done[n]++
		})
		var adding sync.WaitGroup
		for from := range 4 {
			adding.Go(func() {
				for n := from; n < 40; n += 4 {
					if q.Add(n) {
						mu.Lock()
						taken[n]++
						mu.Unlock()
					}
				}
			})
		}
		q.Close()
		mu.Lock()
		after := len(done)
		mu.Unlock()
		adding.Wait()
		if len(done) != after {
			t.Fatal("something was done after Close")
		}
		for n := range 40 {
			if done[n] != taken[n] {
				t.Fatalf("%d was taken %d times, and done %d times", n, taken[n], done[n])
			}
		}
		if q.Add(1) {
			t.Fatal("a closed queue takes more")
		}
	}
}
