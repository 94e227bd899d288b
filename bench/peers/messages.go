// bench/peers/messages.go - what bench/messages/*.zx do with isolates, with goroutines and channels.
//
// Usage: messages_go WHAT COUNT. spawn: starts COUNT empty goroutines one by one and waits for each.
// ping_pong: COUNT messages there and back between two. waiting: starts COUNT that wait for a message,
// sends each one, in an order that jumps, and waits for all. Prints COUNT. Time and memory are measured
// from outside, against a run with a COUNT of 0. fan_out COUNT BYTES: sends a text of so many bytes
// COUNT times, to one of a hundred that read it. Processors: GOMAXPROCS.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

const stride = 611953 // a prime, so that every one has its turn

func spawn(count int) {
	ends := make([]chan struct{}, count)
	for i := range ends {
		end := make(chan struct{}, 1)
		ends[i] = end
		go func() { end <- struct{}{} }()
	}
	for _, end := range ends {
		<-end
	}
}

func pingPong(count int) {
	there, back := make(chan int), make(chan int)
	end := make(chan struct{})
	go func() {
		for i := 0; i < count; i++ {
			back <- <-there
		}
		close(end)
	}()
	for i := 0; i < count; i++ {
		there <- i
		<-back
	}
	<-end
}

func waiting(count int) {
	boxes := make([]chan int, count)
	ends := make([]chan struct{}, count)
	for i := range boxes {
		box, end := make(chan int, 1), make(chan struct{}, 1)
		boxes[i], ends[i] = box, end
		go func() {
			<-box
			end <- struct{}{}
		}()
	}
	for i := 0; i < count; i++ {
		boxes[i*stride%count] <- i
	}
	for _, end := range ends {
		<-end
	}
}

func fanOut(count, bytes int) int {
	const readers = 100
	text := strings.Repeat("x", bytes)
	boxes, sums := make([]chan string, readers), make(chan int, readers)
	for i := range boxes {
		box := make(chan string, 16)
		boxes[i] = box
		go func() {
			sum := 0
			for j := 0; j < count/readers; j++ {
				sum += len(<-box)
			}
			sums <- sum
		}()
	}
	for i := 0; i < count/readers; i++ {
		for _, box := range boxes {
			box <- text
		}
	}
	sum := 0
	for range boxes {
		sum += <-sums
	}
	return sum / bytes
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "fan_out" {
		count, err := strconv.Atoi(os.Args[2])
		bytes, wrong := strconv.Atoi(os.Args[3])
		if err == nil && wrong == nil && count >= 0 && bytes > 0 {
			fmt.Println(fanOut(count, bytes))
			return
		}
	}
	parts := map[string]func(int){"spawn": spawn, "ping_pong": pingPong, "waiting": waiting}
	if len(os.Args) == 3 && parts[os.Args[1]] != nil {
		if count, err := strconv.Atoi(os.Args[2]); err == nil && count >= 0 {
			parts[os.Args[1]](count)
			fmt.Println(count)
			return
		}
	}
	fmt.Fprintln(os.Stderr, "usage: messages_go spawn|ping_pong|waiting COUNT | fan_out COUNT BYTES")
	os.Exit(2)
}
