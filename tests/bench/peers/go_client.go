// go_client: "grpc-go": unary calls, messages of streams, fresh channels with a call, the memory of
// calls. A goroutine for each call under way, as a program in Go would have it.
//
// Prints one line of JSON, with the names of figures.h; any failure ends it without.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/ioutil"
	"net"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"benchpb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

var (
	mode        = flag.String("mode", "unary", "unary, bidi, server-stream, connect or memory")
	of          = flag.String("of", "call", "memory: call")
	each        = flag.Int("each", 10000, "memory: how many")
	outstanding = flag.Int("outstanding", 100, "calls or messages under way all the time")
	size        = flag.Int("size", 0, "bytes of each message")
	seconds     = flag.Float64("seconds", 2, "length of the measured window")
	warmUp      = flag.Float64("warm-up", 0.3, "seconds before it")
	count       = flag.Int("count", 0, "measure so many instead, from the first")
	ca          = flag.String("ca", "", "TLS, trusting this authority (PEM); without it cleartext")
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "go_client: no figures:", err)
		os.Exit(1)
	}
}

// ---- channels ----

func credentialsOption() grpc.DialOption {
	if *ca == "" {
		return grpc.WithInsecure()
	}
	pem, err := ioutil.ReadFile(*ca)
	must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	config := &tls.Config{RootCAs: pool, ServerName: "localhost"}
	return grpc.WithTransportCredentials(credentials.NewTLS(config))
}

// Connected. Of a Unix socket's path gRPC would make an :authority that is none.
func dial() *grpc.ClientConn {
	network, address := "tcp", strings.TrimPrefix(flag.Arg(0), "ipv4:")
	if strings.HasPrefix(address, "unix:") {
		network, address = "unix", address[len("unix:"):]
	}
	channel, err := grpc.Dial("passthrough:///bench", grpc.WithBlock(), credentialsOption(),
		grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return net.Dial(network, address)
		}))
	must(err)
	return channel
}

func stub() benchpb.BenchClient { return benchpb.NewBenchClient(dial()) }

// ---- what is spent ----

type meter struct {
	at    time.Time
	cpuUs float64
}

func now() meter {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	us := func(t syscall.Timeval) float64 { return float64(t.Sec)*1e6 + float64(t.Usec) }
	return meter{time.Now(), us(r.Utime) + us(r.Stime)}
}

func residentBytes() float64 {
	var size, resident int
	text, err := ioutil.ReadFile("/proc/self/statm")
	must(err)
	fmt.Sscan(string(text), &size, &resident)
	return float64(resident * os.Getpagesize())
}

func printFigures(bench string, figures map[string]interface{}) {
	figures["bench"], figures["peer"] = bench, "grpc-go"
	line, err := json.Marshal(figures)
	must(err)
	fmt.Println(string(line))
}

const (
	warmingUp int32 = iota
	measuring
	ending
)

// A load is one thing done again and again by each worker.
type load struct {
	phase   int32
	isNoted int32 // something has begun and ended within the window
	left    int64 // to be started, with --count
	ended   sync.WaitGroup
	tookNs  [][]int64 // by worker: of each that was started in the measured window
	perform func() error
}

func (l *load) mayStart() bool { return *count == 0 || atomic.AddInt64(&l.left, -1) >= 0 }

func (l *load) work(worker int) {
	defer l.ended.Done()
	took := make([]int64, 0, 1<<10)
	for {
		phase := atomic.LoadInt32(&l.phase)
		if phase == ending || !l.mayStart() {
			break
		}
		start := time.Now()
		must(l.perform())
		if phase == measuring {
			took = append(took, int64(time.Since(start)))
		}
		if len(took) == 1 {
			atomic.StoreInt32(&l.isNoted, 1)
		}
	}
	l.tookNs[worker] = took
}

func rest(seconds float64) { time.Sleep(time.Duration(seconds * 1e9)) }

// measure lets the workers run, and reads the meter before and behind the measured window.
func (l *load) measure(workers int) (first, last meter) {
	l.tookNs, l.left = make([][]int64, workers), int64(*count)
	l.ended.Add(workers)
	if *count > 0 {
		l.phase, first = measuring, now()
	}
	for i := 0; i < workers; i++ {
		go l.work(i)
	}
	if *count > 0 {
		l.ended.Wait()
		return first, now()
	}
	rest(*warmUp)
	first = now()
	atomic.StoreInt32(&l.phase, measuring)
	rest(*seconds)
	for atomic.LoadInt32(&l.isNoted) == 0 {
		rest(0.001)
	}
	last = now()
	atomic.StoreInt32(&l.phase, ending)
	l.ended.Wait()
	return first, last
}

func percentileUs(sorted []int64, part float64) float64 {
	return float64(sorted[int(part*float64(len(sorted)-1))]) / 1e3
}

// drive prints what one has cost, by the name of `what`.
func drive(bench, what string, workers int, perform func() error) {
	l := load{perform: perform}
	first, last := l.measure(workers)
	var all []int64
	for _, some := range l.tookNs {
		all = append(all, some...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	n, took := float64(len(all)), last.at.Sub(first.at).Seconds()
	figures := map[string]interface{}{
		"bytes": *size, "outstanding": *outstanding, "seconds": took, what + "s": n,
		what + "s_per_second": n / took, "cpu_us_per_" + what: (last.cpuUs - first.cpuUs) / n}
	if what == "call" { // of a stream it is the time between messages
		figures["p50_us"] = percentileUs(all, 0.5)
		figures["p99_us"] = percentileUs(all, 0.99)
		figures["p999_us"] = percentileUs(all, 0.999)
	}
	printFigures(bench, figures)
}

// ---- the modes ----

func checked(reply *benchpb.Payload, err error) error {
	if err == nil && len(reply.Body) != *size {
		return errors.New("a reply has not the length that it should have")
	}
	return err
}

func unary(request *benchpb.Payload) {
	channel := stub()
	drive("unary", "call", *outstanding, func() error {
		return checked(channel.Echo(context.Background(), request))
	})
}

func connect(request *benchpb.Payload) {
	drive("connect", "call", 1, func() error {
		channel := dial()
		defer channel.Close()
		return checked(benchpb.NewBenchClient(channel).Echo(context.Background(), request))
	})
}

func serverStream() {
	request := &benchpb.StreamRequest{Size: uint32(*size)}
	stream, err := stub().ServerStream(context.Background(), request)
	must(err)
	drive("server_stream", "message", 1, func() error { return checked(stream.Recv()) })
}

// A token for each message that may be under way.
func bidi(request *benchpb.Payload) {
	stream, err := stub().BidiEcho(context.Background())
	must(err)
	tokens := make(chan bool, *outstanding)
	for i := 0; i < *outstanding; i++ {
		tokens <- true
	}
	go func() {
		for range tokens {
			must(stream.Send(request))
		}
	}()
	drive("bidi", "message", 1, func() error {
		defer func() { tokens <- true }()
		return checked(stream.Recv())
	})
}

func memory(request *benchpb.Payload) {
	if *of != "call" {
		must(errors.New("only the memory of calls is measured here"))
	}
	channel := stub()
	must(checked(channel.Echo(context.Background(), request)))
	runtime.GC()
	before := residentBytes()
	held := &benchpb.Payload{DelayMs: 60000}
	for i := 0; i < *each; i++ {
		go func() {
			_, err := channel.Echo(context.Background(), held)
			must(fmt.Errorf("a call ended that should have waited: %v", err))
		}()
	}
	rest(2)
	more := residentBytes() - before
	printFigures("memory_call",
		map[string]interface{}{"count": *each, "bytes_each": more / float64(*each)})
}

func main() {
	flag.Parse()
	request := &benchpb.Payload{Body: make([]byte, *size)}
	modes := map[string]func(){
		"unary": func() { unary(request) }, "bidi": func() { bidi(request) },
		"server-stream": serverStream, "connect": func() { connect(request) },
		"memory": func() { memory(request) },
	}
	run, isKnown := modes[*mode]
	isAmount := *outstanding >= 1 && *each >= 1 && *count >= 0 && *size >= 0
	if !isKnown || !isAmount || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: go_client [OPTION]... TARGET")
		flag.PrintDefaults()
		os.Exit(2)
	}
	run()
}
