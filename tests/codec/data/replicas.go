// Makes replicas.jsonl, what deduplication is tested against: what Thanos Query's own code reads from
// chunks of replicas.
//
//	go run -tags slicelabels replicas.go > replicas.jsonl    (inside github.com/thanos-io/thanos v0.42.4)
//
// A line is one series: its chunks in Thanos's order, and for some ways to read them the samples that
// Thanos Query's engine is given. Payloads are base64, values the 16 hexadecimal digits of their bits.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"sort"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/thanos-io/thanos/pkg/dedup"
	"github.com/thanos-io/thanos/pkg/query"
	"github.com/thanos-io/thanos/pkg/store/storepb"
)

const (
	kindXOR     = 1
	kindCounter = 100
	series      = 24
)

type chunk struct {
	Kind    int    `json:"kind"`
	Min     int64  `json:"min"`
	Max     int64  `json:"max"`
	Payload []byte `json:"payload"`
}

type reading struct {
	Func   string   `json:"func"`
	Chain  bool     `json:"chain"`
	Mint   int64    `json:"mint"`
	Maxt   int64    `json:"maxt"`
	Times  []int64  `json:"times"`
	Values []string `json:"values"`
}

type line struct {
	Chunks   []chunk   `json:"chunks"`
	Readings []reading `json:"readings"`
}

type sample struct {
	t int64
	v float64
}

// scraped is a counter as one replica saw it: with gaps, restarts and stale markers.
func scraped(r *rand.Rand) []sample {
	step := []int64{10_000, 15_000}[r.Intn(2)]
	gaps := r.Float64() / 3
	t, v := r.Int63n(30_000), float64(r.Intn(100))
	var all []sample
	for range 1 + r.Intn(30) {
		all = append(all, sample{t, v})
		if r.Float64() < 0.05 {
			all = append(all, sample{t + 1, math.Float64frombits(value.StaleNaN)})
		}
		steps := int64(1)
		if r.Float64() < gaps {
			steps = []int64{2, 3, 4, 7}[r.Intn(4)]
		}
		t += step*steps + r.Int63n(3)
		if r.Float64() < 0.05 {
			v = float64(r.Intn(5))
		} else {
			v += float64(r.Intn(9))
		}
	}
	return all
}

// downsampled makes totals of a counter, and repeats its last time with its last value.
func downsampled(raw []sample) []sample {
	var all []sample
	var total, before float64
	for _, s := range raw {
		if math.IsNaN(s.v) {
			continue
		}
		if s.v >= before {
			total += s.v - before
		} else {
			total += s.v
		}
		all = append(all, sample{s.t, total})
		before = s.v
	}
	return append(all, sample{all[len(all)-1].t, before})
}

func made(kind int, samples []sample) chunk {
	c := chunkenc.NewXORChunk()
	app, err := c.Appender()
	if err != nil {
		panic(err)
	}
	for _, s := range samples {
		app.Append(s.t, s.v)
	}
	return chunk{kind, samples[0].t, samples[len(samples)-1].t, c.Bytes()}
}

func chunksOf(r *rand.Rand, samples []sample, downsample bool) (all []chunk) {
	for len(samples) > 0 {
		n := min(1+r.Intn(12), len(samples))
		part := samples[:n]
		samples = samples[n:]
		if downsample && r.Intn(3) > 0 && !math.IsNaN(part[0].v) {
			all = append(all, made(kindCounter, downsampled(part)))
		} else {
			all = append(all, made(kindXOR, part))
		}
	}
	return all
}

func aggr(c chunk) storepb.AggrChunk {
	payload := &storepb.Chunk{Type: storepb.Chunk_XOR, Data: c.Payload}
	if c.Kind == kindCounter {
		return storepb.AggrChunk{MinTime: c.Min, MaxTime: c.Max, Counter: payload}
	}
	return storepb.AggrChunk{MinTime: c.Min, MaxTime: c.Max, Raw: payload}
}

// inOrder sorts chunks and drops copies, as pkg/store/proxy_merge.go does.
func inOrder(all []chunk) (kept []chunk) {
	sort.SliceStable(all, func(i, j int) bool { return aggr(all[i]).Compare(aggr(all[j])) > 0 })
	for _, c := range all {
		isCopy := false
		for _, k := range kept {
			isCopy = isCopy || bytes.Equal(k.Payload, c.Payload)
		}
		if !isCopy {
			kept = append(kept, c)
		}
	}
	return kept
}

type oneSeries struct {
	chunks []storepb.AggrChunk
	read   bool
}

func (s *oneSeries) Next() bool {
	defer func() { s.read = true }()
	return !s.read
}

func (s *oneSeries) At() (labels.Labels, []storepb.AggrChunk) {
	return labels.FromStrings("a", "1"), s.chunks
}

func (s *oneSeries) Err() error { return nil }

func read(chunks []chunk, how reading) reading {
	set := &oneSeries{}
	for _, c := range chunks {
		set.chunks = append(set.chunks, aggr(c))
	}
	aggrs, algorithm := []storepb.Aggr{storepb.Aggr_COUNT, storepb.Aggr_SUM}, dedup.AlgorithmPenalty
	if how.Func != "" {
		aggrs = []storepb.Aggr{storepb.Aggr_COUNTER}
	}
	if how.Chain {
		algorithm = dedup.AlgorithmChain
	}
	split := query.NewPromSeriesSet(dedup.NewOverlapSplit(set), how.Mint, how.Maxt, aggrs, nil)
	all := dedup.NewSeriesSet(split, how.Func, algorithm)
	how.Times, how.Values = []int64{}, []string{}
	for all.Next() {
		it := all.At().Iterator(nil)
		for it.Next() != chunkenc.ValNone {
			if t, v := it.At(); t <= how.Maxt { // it may go one beyond
				how.Times = append(how.Times, t)
				how.Values = append(how.Values, fmt.Sprintf("%016x", math.Float64bits(v)))
			}
		}
		if it.Err() != nil {
			panic(it.Err())
		}
	}
	return how
}

func main() {
	for seed := range int64(series) {
		r := rand.New(rand.NewSource(seed))
		var all []chunk
		downsample := seed%4 == 3
		for range 1 + seed%5 {
			all = append(all, chunksOf(r, scraped(r), downsample)...)
		}
		l := line{Chunks: inOrder(all)}
		mint := r.Int63n(200_000)
		maxt := mint + r.Int63n(300_000)
		funcs := []string{"", "rate"}
		if downsample {
			funcs = []string{"rate", "xrate"}
		}
		for _, f := range funcs {
			l.Readings = append(l.Readings, read(l.Chunks, reading{Func: f, Maxt: 1 << 40}))
			l.Readings = append(l.Readings, read(l.Chunks, reading{Func: f, Mint: mint, Maxt: maxt}))
		}
		l.Readings = append(l.Readings, read(l.Chunks, reading{Func: funcs[0], Chain: true, Maxt: 1 << 40}))
		text, err := json.Marshal(l)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}
