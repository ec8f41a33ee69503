// Makes xor_chunks.bin.gz, what the XOR codec is tested against: chunks that Prometheus's own
// appender wrote, with the samples that its own iterator reads from them.
//
//	go run xor_chunks.go > xor_chunks.bin.gz    (github.com/prometheus/prometheus v0.316.0)
//
// The version that Thanos v0.42.4 is built with, v0.309.1, writes the same bytes; its `Append` has no
// first argument.
//
// A record: name (length in one byte), 1 when one appender wrote the whole chunk or 0, number of
// samples, their times (int64) and the bits of their values (uint64), payload. Lengths before samples
// and payload are uint32; all numbers are little-endian.
package main

import (
	"compress/gzip"
	"encoding/binary"
	"maps"
	"math"
	"math/rand"
	"os"
	"slices"

	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

type sample struct {
	t int64
	v float64
}

const (
	start = 1_699_200_000_000
	full  = 120
	most  = math.MaxUint16
)

var out *gzip.Writer

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// write makes a chunk. Where `reopened` is above 0, a second appender goes on at that sample.
func write(name string, reopened int, samples []sample) {
	c := chunkenc.NewXORChunk()
	app, err := c.Appender()
	must(err)
	for i, s := range samples {
		if reopened > 0 && i == reopened {
			app, err = c.Appender()
			must(err)
		}
		app.Append(0, s.t, s.v)
	}
	put(name, reopened == 0, c)
}

func put(name string, atOnce bool, c *chunkenc.XORChunk) {
	var times, bits []byte
	it := c.Iterator(nil)
	for it.Next() != chunkenc.ValNone {
		t, v := it.At()
		times = binary.LittleEndian.AppendUint64(times, uint64(t))
		bits = binary.LittleEndian.AppendUint64(bits, math.Float64bits(v))
	}
	must(it.Err())
	flag := byte(0)
	if atOnce {
		flag = 1
	}
	record := append(append([]byte{byte(len(name))}, name...), flag)
	record = binary.LittleEndian.AppendUint32(record, uint32(len(times)/8))
	record = append(append(record, times...), bits...)
	record = binary.LittleEndian.AppendUint32(record, uint32(len(c.Bytes())))
	_, err := out.Write(append(record, c.Bytes()...))
	must(err)
}

func series(n int, t func(i int) int64, v func(i int) float64) []sample {
	samples := make([]sample, n)
	for i := range samples {
		samples[i] = sample{t(i), v(i)}
	}
	return samples
}

func every(step int64) func(int) int64 {
	return func(i int) int64 { return start + int64(i)*step }
}

func listed(values ...float64) func(int) float64 {
	return func(i int) float64 { return values[i%len(values)] }
}

func constant(v float64) func(int) float64 { return listed(v) }

// hops gives times whose deltas of deltas are these, over and over; they wrap around as in Go.
func hops(dods ...int64) func(int) int64 {
	t, delta, next := int64(start), int64(0), 0
	return func(i int) int64 {
		if i > 1 {
			delta += dods[next%len(dods)]
			next++
		}
		if i > 0 {
			t += delta
		}
		return t
	}
}

func values(r *rand.Rand) {
	counter := 0.0
	nan := math.Float64frombits
	stale, prometheusNaN := nan(0x7ff0000000000002), nan(0x7ff8000000000001)
	kinds := map[string]func(int) float64{
		"a constant":   constant(1),
		"zeros":        constant(0),
		"a counter":    func(int) float64 { counter += float64(r.Intn(50)); return counter },
		"small steps":  func(i int) float64 { return float64(i) },
		"full digits":  func(int) float64 { return 1 + 99*r.Float64() },
		"any bits":     func(int) float64 { return nan(r.Uint64()) },
		"signs":        func(int) float64 { return r.NormFloat64() },
		"tenths":       func(int) float64 { return float64(r.Intn(1000)) / 10 },
		"on and off":   listed(0, 1),
		"signed zeros": listed(0, math.Copysign(0, -1), math.Copysign(0, -1)),
		"infinities":   listed(math.Inf(1), 1, math.Inf(-1), math.Inf(-1)),
		"NaNs": listed(stale, prometheusNaN, math.NaN(), nan(0x7ff0000000000001), nan(0xfff8000000000000),
			nan(math.MaxUint64), nan(0xffffffff00000000), 0),
		"an end":        func(i int) float64 { return []float64{3.5, stale}[i/119] },
		"denormals":     listed(5e-324, 0, nan(2), nan(0xfffffffffffff), -5e-324, 2.2250738585072014e-308),
		"extremes":      listed(math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64),
		"lowest bit":    listed(nan(0), nan(1)),
		"highest bit":   listed(nan(0), nan(1<<63)),
		"all bits":      listed(nan(0), nan(math.MaxUint64)),
		"31, 32 zeros":  listed(nan(0), nan(1<<32), nan(1<<32|1<<31), nan(1<<31), nan(1<<33), nan(3<<31)),
		"window widens": func(i int) float64 { return nan(uint64(0x5a5a5a5a5a5a5a5a) << (63 - i%64) >> (i % 64)) },
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		write(name, 0, series(full, every(15_000), kinds[name]))
	}
}

func times(r *rand.Rand) {
	digits := func(int) float64 { return float64(r.Intn(100)) }
	kinds := map[string]func(int) int64{
		"jitter":        func(i int) int64 { return start + int64(i)*15_000 + int64(r.Intn(7)) - 3 },
		"gaps":          func(i int) int64 { return start + int64(i)*60_000 + int64(i/10)*3_600_000 },
		"the same time": every(0),
		"backwards":     every(-1_000),
		"before 1970":   func(i int) int64 { return -start + int64(i)*30_000 },
		"around 1970":   func(i int) int64 { return int64(i-60) * 1_000 },
		"one of 14":     hops(1, -1, 8_192, -8_191, 8_191, -8_190),
		"beyond 14":     hops(8_193, -8_192, 65_536, -65_535, 65_535),
		"beyond 17":     hops(65_537, -65_536, 524_288, -524_287, 524_287),
		"beyond 20":     hops(524_289, -524_288, 1<<40, -1<<40, 1<<33+1, -1<<35-1),
		"beyond 64":     hops(math.MaxInt64, 1, math.MinInt64, -1, math.MaxInt64, math.MaxInt64),
		"all widths":    hops(0, 1, 10_000, 100_000, 1_000_000, 0, -1, -10_000, -100_000, -1_000_000),
		"any times":     func(int) int64 { return int64(r.Uint64()) },
		"ends of int64": func(i int) int64 { return []int64{math.MinInt64, math.MaxInt64, 0}[i%3] },
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		write(name, 0, series(full, kinds[name], digits))
		write(name+", a constant", 0, series(full, kinds[name], constant(2)))
	}
}

func lengths(r *rand.Rand) {
	digits := func(int) float64 { return float64(r.Float32()) }
	for _, n := range []int{0, 1, 2, 3, 4, 7, 59, 121, 200} {
		write("short or long", 0, series(n, every(15_000), digits))
	}
	for shift := range 64 { // first times and deltas as varints of every length
		t := []int64{1 << shift, -(1 << shift), 1<<shift - 1}
		write("varints", 0, series(3, func(i int) int64 { return t[i] }, digits))
		write("varints, alone", 0, series(1, func(int) int64 { return t[1] }, digits))
	}
	write("as long as can be", 0, series(most, every(0), listed(1, 1, 2, 3)))
}

func reopened() {
	steps := series(full, every(15_000), func(i int) float64 { return float64(max(i-60, 0)) })
	write("reopened, unchanged until then", 50, steps)
	write("reopened, after a change", 70, steps)
}

func main() {
	out, _ = gzip.NewWriterLevel(os.Stdout, gzip.BestCompression)
	values(rand.New(rand.NewSource(1)))
	times(rand.New(rand.NewSource(2)))
	lengths(rand.New(rand.NewSource(3)))
	reopened()
	must(out.Close())
}
