// Remote read for Thanos as a shim does it that decodes and encodes again: the peer of
// `benchmarks/remote_read.py`. It stands in for G-Research/thanos-remote-read, which could not be had
// from the Go module proxy, and works as that does, with the same libraries: raw chunks of one Store
// API, one series a message, all decoded into samples, all of them in memory, one SAMPLES response of
// protobuf in snappy. Nothing is clipped, no replica removed. Unlike that one it takes messages of any
// size from Thanos, and neither logs nor traces, so it may be a little faster.
//
// Built by `scripts/real_servers.py` inside Thanos's own module, whose packages it imports.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"sort"

	"github.com/gogo/protobuf/proto"
	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	_ "github.com/thanos-io/thanos/pkg/extgrpc" // its codec: messages of Thanos alias what they were read from
	"github.com/thanos-io/thanos/pkg/store/storepb"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:10080", "host:port to serve HTTP on")
	store := flag.String("store", "127.0.0.1:10901", "host:port of the Store API")
	flag.Parse()
	connection, err := grpc.NewClient(*store,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	if err != nil {
		log.Fatal(err)
	}
	client := storepb.NewStoreClient(connection)
	http.HandleFunc("/-/ready", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/api/v1/read", func(w http.ResponseWriter, r *http.Request) {
		if err := serve(client, w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	log.Fatal(http.ListenAndServe(*listen, nil))
}

func serve(client storepb.StoreClient, w http.ResponseWriter, r *http.Request) error {
	compressed, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	body, err := snappy.Decode(nil, compressed)
	if err != nil {
		return err
	}
	var request prompb.ReadRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return err
	}
	response := &prompb.ReadResponse{}
	for _, query := range request.Queries {
		result, err := read(r.Context(), client, query)
		if err != nil {
			return err
		}
		response.Results = append(response.Results, result)
	}
	encoded, err := proto.Marshal(response)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Header().Set("Content-Encoding", "snappy")
	_, err = w.Write(snappy.Encode(nil, encoded))
	return err
}

func read(ctx context.Context, client storepb.StoreClient, query *prompb.Query) (*prompb.QueryResult, error) {
	request := &storepb.SeriesRequest{
		MinTime:    query.StartTimestampMs,
		MaxTime:    query.EndTimestampMs,
		Aggregates: []storepb.Aggr{storepb.Aggr_RAW},
	}
	for _, matcher := range query.Matchers {
		request.Matchers = append(request.Matchers, storepb.LabelMatcher{
			Type: storepb.LabelMatcher_Type(matcher.Type), Name: matcher.Name, Value: matcher.Value,
		})
	}
	stream, err := client.Series(ctx, request)
	if err != nil {
		return nil, err
	}
	result := &prompb.QueryResult{}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return result, nil
		}
		if err != nil {
			return nil, err
		}
		if warning := message.GetWarning(); warning != "" {
			return nil, errors.New(warning)
		}
		if series := message.GetSeries(); series != nil {
			decoded, err := decode(series)
			if err != nil {
				return nil, err
			}
			result.Timeseries = append(result.Timeseries, decoded)
		}
	}
}

func decode(series *storepb.Series) (*prompb.TimeSeries, error) {
	decoded := &prompb.TimeSeries{}
	for _, label := range series.Labels {
		decoded.Labels = append(decoded.Labels, prompb.Label{Name: label.Name, Value: label.Value})
	}
	sort.Slice(series.Chunks, func(i, j int) bool { return series.Chunks[i].MinTime < series.Chunks[j].MinTime })
	var iterator chunkenc.Iterator
	for _, chunk := range series.Chunks {
		if chunk.Raw == nil || chunk.Raw.Type != storepb.Chunk_XOR {
			return nil, fmt.Errorf("not a chunk of raw floats: %v", chunk)
		}
		raw, err := chunkenc.FromData(chunkenc.EncXOR, chunk.Raw.Data)
		if err != nil {
			return nil, err
		}
		iterator = raw.Iterator(iterator)
		for iterator.Next() != chunkenc.ValNone {
			time, value := iterator.At()
			decoded.Samples = append(decoded.Samples, prompb.Sample{Timestamp: time, Value: value})
		}
	}
	return decoded, nil
}
