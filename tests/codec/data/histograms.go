// Makes histograms.jsonl, what the histogram codec is tested against: chunks written by
// Prometheus's own appender, and what its own iterator and remote read make of them.
//
//	go run histograms.go > histograms.jsonl    (github.com/prometheus/prometheus v0.316.0)
//	go run histograms.go read < chunks.jsonl   says the same of chunks that others made
//
// A line is a chunk: its kind (2 integer, 3 float), its payload, its samples, and the last of them as
// a `prometheus.Histogram` message. Floats are the 16 hexadecimal digits of their bits, spans pairs of
// offset and length, buckets absolute counts.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

type chunk struct {
	Name    string            `json:"name,omitempty"`
	Kind    chunkenc.Encoding `json:"kind"`
	Payload []byte            `json:"payload"`
	Error   string            `json:"error,omitempty"`
	Samples []sample          `json:"samples"`
	Message []byte            `json:"message,omitempty"`
}

type sample struct {
	Time          int64  `json:"t"`
	Schema        int32  `json:"schema"`
	ZeroThreshold bits   `json:"zero_threshold"`
	ZeroCount     any    `json:"zero_count"`
	Count         any    `json:"count"`
	Sum           bits   `json:"sum"`
	PositiveSpans []pair `json:"positive_spans,omitempty"`
	NegativeSpans []pair `json:"negative_spans,omitempty"`
	Positive      []any  `json:"positive,omitempty"`
	Negative      []any  `json:"negative,omitempty"`
	CustomValues  []bits `json:"custom_values,omitempty"`
	Hint          byte   `json:"hint"`
}

type bits float64

func (f bits) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%016x", math.Float64bits(float64(f))), nil
}

type pair [2]int64

func pairs(spans []histogram.Span) (all []pair) {
	for _, s := range spans {
		all = append(all, pair{int64(s.Offset), int64(s.Length)})
	}
	return all
}

func allBits(values []float64) (all []bits) {
	for _, v := range values {
		all = append(all, bits(v))
	}
	return all
}

func counts(deltas []int64) (all []any) {
	var current int64
	for _, d := range deltas {
		current += d
		all = append(all, current)
	}
	return all
}

func floatCounts(values []float64) (all []any) {
	for _, v := range values {
		all = append(all, bits(v))
	}
	return all
}

// describe reads the chunk with Prometheus's iterator. A malformed chunk may make it panic.
func describe(c *chunk) {
	defer func() {
		if r := recover(); r != nil {
			c.Error = fmt.Sprint("panic: ", r)
		}
	}()
	c.Samples, c.Message = []sample{}, nil
	made, err := chunkenc.FromData(c.Kind, c.Payload)
	if err != nil {
		panic(err)
	}
	it := made.Iterator(nil)
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		var s sample
		var message prompb.Histogram
		if kind == chunkenc.ValHistogram {
			t, h := it.AtHistogram(nil)
			s = sample{
				t, h.Schema, bits(h.ZeroThreshold), h.ZeroCount, h.Count, bits(h.Sum),
				pairs(h.PositiveSpans), pairs(h.NegativeSpans), counts(h.PositiveBuckets),
				counts(h.NegativeBuckets), allBits(h.CustomValues), byte(h.CounterResetHint),
			}
			message = prompb.FromIntHistogram(t, h)
		} else {
			t, h := it.AtFloatHistogram(nil)
			s = sample{
				t, h.Schema, bits(h.ZeroThreshold), bits(h.ZeroCount), bits(h.Count), bits(h.Sum),
				pairs(h.PositiveSpans), pairs(h.NegativeSpans), floatCounts(h.PositiveBuckets),
				floatCounts(h.NegativeBuckets), allBits(h.CustomValues), byte(h.CounterResetHint),
			}
			message = prompb.FromFloatHistogram(t, h)
		}
		c.Samples = append(c.Samples, s)
		if c.Message, err = message.Marshal(); err != nil {
			panic(err)
		}
	}
	if err := it.Err(); err != nil {
		c.Error = err.Error()
	}
}

func write(c chunk) {
	describe(&c)
	line, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

type timed struct {
	t int64
	h *histogram.Histogram
}

// series writes the samples, as integers and as floats, the way Prometheus does: it begins a chunk
// where it must, and rewrites the one at hand when buckets are added.
func series(name string, samples ...timed) {
	for _, kind := range []chunkenc.Encoding{chunkenc.EncHistogram, chunkenc.EncFloatHistogram} {
		current, _ := chunkenc.NewEmptyChunk(kind)
		app, _ := current.Appender()
		for _, s := range samples {
			var next chunkenc.Chunk
			var recoded bool
			var err error
			if kind == chunkenc.EncHistogram {
				next, recoded, app, err = app.AppendHistogram(nil, 0, s.t, s.h.Copy(), false)
			} else {
				h := s.h.ToFloat(nil)
				for i := range h.PositiveBuckets {
					h.PositiveBuckets[i] *= 1.1
				}
				next, recoded, app, err = app.AppendFloatHistogram(nil, 0, s.t, h, false)
			}
			if err != nil {
				panic(err)
			}
			if next != nil && !recoded {
				write(chunk{Name: name, Kind: kind, Payload: current.Bytes()})
			}
			if next != nil {
				current = next
			}
		}
		write(chunk{Name: name, Kind: kind, Payload: current.Bytes()})
	}
}

func deltas(absolute []int64) (all []int64) {
	var before int64
	for _, c := range absolute {
		all, before = append(all, c-before), c
	}
	return all
}

func total(absolute []int64) (sum uint64) {
	for _, c := range absolute {
		sum += uint64(c)
	}
	return sum
}

type spans = []histogram.Span

// simple has one span of positive buckets.
func simple(hint histogram.CounterResetHint, offset int32, absolute ...int64) *histogram.Histogram {
	return &histogram.Histogram{
		CounterResetHint: hint, Schema: 1, ZeroThreshold: 0x1p-128,
		ZeroCount: 1, Count: total(absolute) + 1, Sum: float64(total(absolute)) * 0.7,
		PositiveSpans:   spans{{Offset: offset, Length: uint32(len(absolute))}},
		PositiveBuckets: deltas(absolute),
	}
}

func stale(hint histogram.CounterResetHint) *histogram.Histogram {
	return &histogram.Histogram{CounterResetHint: hint, Sum: math.Float64frombits(value.StaleNaN)}
}

func custom(bounds []float64, absolute ...int64) *histogram.Histogram {
	h := simple(histogram.UnknownCounterReset, 0, absolute...)
	h.Schema, h.CustomValues, h.ZeroThreshold = histogram.CustomBucketsSchema, bounds, 0
	h.Count, h.ZeroCount = h.Count-h.ZeroCount, 0
	return h
}

// growing is what a service with uneven latencies and scrapes would expose.
func growing(length int) (all []timed) {
	random := rand.New(rand.NewSource(1))
	positive, negative := make([]int64, 9), make([]int64, 3)
	t, zeros := int64(1_700_000_000_123), uint64(0)
	for range length {
		for i := range positive {
			positive[i] += random.Int63n(int64(1 + i*i*i))
		}
		negative[random.Intn(3)] += random.Int63n(3)
		zeros += uint64(random.Int63n(2))
		t += 15_000 + random.Int63n(7) - 3
		all = append(all, timed{t, &histogram.Histogram{
			Schema: 3, ZeroThreshold: 0x1p-128, ZeroCount: zeros,
			Count:           total(positive) + total(negative) + zeros,
			Sum:             float64(total(positive)) * (0.3 + random.Float64()/100),
			PositiveSpans:   spans{{Offset: -7, Length: 4}, {Offset: 2, Length: 0}, {Offset: 1, Length: 3}, {Offset: 40, Length: 2}},
			NegativeSpans:   spans{{Offset: 300, Length: 1}, {Offset: 1, Length: 2}},
			PositiveBuckets: deltas(positive), NegativeBuckets: deltas(negative),
		}})
	}
	return all
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "read" {
		lines := bufio.NewScanner(os.Stdin)
		lines.Buffer(nil, 1<<26)
		for lines.Scan() {
			var c chunk
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				panic(err)
			}
			write(c)
		}
		return
	}
	const unknown, reset, no, gauge = histogram.UnknownCounterReset, histogram.CounterReset,
		histogram.NotCounterReset, histogram.GaugeType

	series("no samples")
	series("growing", growing(15)...)
	series("no buckets", timed{5, &histogram.Histogram{}}, timed{9, &histogram.Histogram{}})
	series("buckets are added before, between and behind, then some are missing",
		timed{0, simple(unknown, 3, 1, 2)}, timed{10, simple(unknown, 1, 1, 0, 4, 2, 2)},
		timed{20, simple(unknown, 3, 4, 5)}, timed{30, simple(no, 3, 4, 5, 6)})
	series("a counter reset that is seen, and one that is said",
		timed{0, simple(unknown, 0, 5, 5)}, timed{10, simple(unknown, 0, 6, 4)},
		timed{20, simple(reset, 0, 7, 7)}, timed{30, simple(unknown, 0, 8, 8)})
	series("stale markers between", timed{0, simple(unknown, 0, 1)}, timed{10, simple(unknown, 0, 2)},
		timed{20, stale(unknown)}, timed{33, stale(unknown)}, timed{40, simple(unknown, 0, 3)})
	series("a stale marker first", timed{-7, stale(unknown)}, timed{13, stale(unknown)})
	series("a gauge", timed{0, simple(gauge, 0, 5, 5)}, timed{10, simple(gauge, 1, 2)},
		timed{20, simple(gauge, -4, 1, 0, 0, 9)}, timed{30, stale(gauge)}, timed{40, simple(gauge, 0, 1)})
	series("bounds of its own", timed{0, custom([]float64{0.005, 1, 33554.43}, 1, 2, 0, 5)},
		timed{10, custom([]float64{0.005, 1, 33554.43}, 1, 2, 0, 7)},
		timed{20, custom([]float64{-1.5, 0, 0.1234567, 33554.431, 1e6}, 1, 2, 3, 4, 5, 6)})
	for _, threshold := range []float64{0, 0x1p-243, 0x1p-244, 0x1p10, 0x1p11, 0.001, 0.75} {
		h := simple(unknown, 0, 1)
		h.ZeroThreshold = threshold
		series(fmt.Sprintf("a zero threshold of %x", threshold), timed{0, h})
	}
	for _, schema := range []int32{-4, 8} {
		h := simple(unknown, math.MaxInt32, 1)
		h.Schema, h.PositiveSpans[0].Offset = schema, math.MinInt32
		series(fmt.Sprint("schema ", schema), timed{math.MinInt64, h})
	}
	var jumps []timed
	for i, size := range []int64{0, 4, 5, 32, 33, 256, 257, 2048, 2049, 131072, 131073, 16777216,
		16777217, 36028797018963968, 36028797018963969, math.MaxInt64} {
		t := size * (1 - int64(i%2)*2)
		h := simple(gauge, 0, size, math.MaxInt64-size)
		h.Count, h.ZeroCount, h.Sum = math.MaxUint64-uint64(size), uint64(size), math.Ldexp(1.1, i*60-500)
		jumps = append(jumps, timed{t, h})
	}
	series("numbers of all lengths", jumps...)
	var sums []timed
	for i, sum := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 5e-324,
		math.MaxFloat64} {
		h := simple(unknown, 0, 1)
		h.Sum = sum
		sums = append(sums, timed{int64(i), h})
	}
	series("strange sums", sums...)
}
