// bench/peers/sched.go - what bench_sched measures of zvm, with goroutines: prints NAME VALUE lines.
//
// Usage: sched_go PROCESSORS. spawn_per_second: goroutines of an empty function, started one by one by
// one goroutine, until the last has ended. yield_ns: 1,000 goroutines that yield in turn. tasks_ns:
// goroutines that count for about a microsecond each, as many for each processor, all made before the
// first may run; wall time over tasks of one processor. The best of some rounds each.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	rounds    = 3
	spawned   = 100000
	yielders  = 1000
	yields    = 200
	tasks     = 50000
	taskSteps = 1000
)

var sink [64]struct {
	value uint64
	_     [7]uint64
}

func spawn() time.Duration {
	var all sync.WaitGroup
	all.Add(spawned)
	begin := time.Now()
	for i := 0; i < spawned; i++ {
		go all.Done()
	}
	all.Wait()
	return time.Since(begin)
}

func yield() time.Duration {
	var all sync.WaitGroup
	all.Add(yielders)
	begin := time.Now()
	for i := 0; i < yielders; i++ {
		go func() {
			for k := 0; k < yields; k++ {
				runtime.Gosched()
			}
			all.Done()
		}()
	}
	all.Wait()
	return time.Since(begin)
}

func work(number int) {
	value := uint64(number)
	for i := 0; i < taskSteps; i++ {
		value = value*6364136223846793005 + 1
	}
	sink[number%64].value = value
}

func run(processors int) time.Duration {
	var all sync.WaitGroup
	gate := make(chan struct{})
	all.Add(processors * tasks)
	for i := 0; i < processors*tasks; i++ {
		go func(number int) {
			<-gate
			work(number)
			all.Done()
		}(i)
	}
	runtime.Gosched()
	begin := time.Now()
	close(gate)
	all.Wait()
	return time.Since(begin)
}

func best(measure func() time.Duration) float64 {
	least := measure()
	for i := 1; i < rounds; i++ {
		if took := measure(); took < least {
			least = took
		}
	}
	return float64(least.Nanoseconds())
}

func main() {
	processors, err := strconv.Atoi(os.Args[len(os.Args)-1])
	if err != nil || processors < 1 {
		fmt.Fprintln(os.Stderr, "usage: sched_go PROCESSORS")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(processors)
	fmt.Printf("spawn_per_second %.0f\n", spawned/best(spawn)*1e9)
	fmt.Printf("yield_ns %.1f\n", best(yield)/(yielders*yields))
	fmt.Printf("tasks_ns %.0f\n", best(func() time.Duration { return run(processors) })/tasks)
}
