// What Prometheus says about expressions and alert rules, as JSON on standard input and output.
//
//	promql metrics   ["EXPRESSION", …]                 → [["METRIC", …], …]
//	promql alerts    {"rules": "YAML", "series": {"SERIES": "VALUES"}, "minutes": [N, …]} → [["ALERT", …], …]
//
// Series are written as in the unit tests of promtool, with a value a minute; an alert is listed for each minute
// in which it fires.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(question string) error {
	var answer [][]string
	var err error
	switch input := json.NewDecoder(os.Stdin); question {
	case "metrics":
		var expressions []string
		if err = input.Decode(&expressions); err == nil {
			answer, err = metricsOf(expressions)
		}
	case "alerts":
		var world world
		if err = input.Decode(&world); err == nil {
			answer, err = world.alerts()
		}
	default:
		err = fmt.Errorf("unknown question %q", question)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

var expressions = parser.NewParser(parser.Options{})

func metricsOf(texts []string) ([][]string, error) {
	all := [][]string{}
	for _, text := range texts {
		expression, err := expressions.ParseExpr(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		names := []string{}
		for _, selectors := range parser.ExtractSelectors(expression) {
			for _, matcher := range selectors {
				if matcher.Name == model.MetricNameLabel {
					names = append(names, matcher.Value)
				}
			}
		}
		all = append(all, names)
	}
	return all, nil
}

type world struct {
	Rules   string
	Series  map[string]string
	Minutes []int
}

func (w world) alerts() ([][]string, error) {
	groups, problems := rulefmt.Parse([]byte(w.Rules), false, model.UTF8Validation, expressions, slog.New(slog.DiscardHandler))
	if len(problems) > 0 {
		return nil, fmt.Errorf("%v", problems)
	}
	held, err := hold(w.Series)
	if err != nil {
		return nil, err
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: expressions})
	firing := map[int][]string{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			minutes, err := firesAt(engine, held, rule, slices.Max(w.Minutes))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", rule.Alert, err)
			}
			for minute := range minutes {
				firing[minute] = append(firing[minute], rule.Alert)
			}
		}
	}
	answer := [][]string{}
	for _, minute := range w.Minutes {
		answer = append(answer, append([]string{}, firing[minute]...))
	}
	return answer, nil
}

// The minutes in which some series has met the rule for as long as it asks.
func firesAt(engine *promql.Engine, held storage.Queryable, rule rulefmt.Rule, last int) (map[int]bool, error) {
	since, fires := map[string]time.Duration{}, map[int]bool{}
	for minute := 0; minute <= last; minute++ {
		now := time.Duration(minute) * time.Minute
		query, err := engine.NewInstantQuery(context.Background(), held, nil, rule.Expr, time.UnixMilli(0).Add(now))
		if err != nil {
			return nil, err
		}
		vector, err := query.Exec(context.Background()).Vector()
		if err != nil {
			return nil, err
		}
		met := map[string]time.Duration{}
		for _, sample := range vector {
			key := sample.Metric.String()
			met[key] = now
			if first, known := since[key]; known {
				met[key] = first
			}
			if now-met[key] >= time.Duration(rule.For) {
				fires[minute] = true
			}
		}
		since = met
		query.Close()
	}
	return fires, nil
}

type queryable []storage.Series

func hold(written map[string]string) (queryable, error) {
	var all queryable
	for series, values := range written {
		metric, sequence, err := expressions.ParseSeriesDesc(series + " " + values)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", series, err)
		}
		samples := []chunks.Sample{}
		for minute, value := range sequence {
			if !value.Omitted {
				samples = append(samples, sample{int64(minute) * time.Minute.Milliseconds(), value.Value})
			}
		}
		all = append(all, storage.NewListSeries(metric, samples))
	}
	return all, nil
}

func (q queryable) Querier(_, _ int64) (storage.Querier, error) { return q, nil }

func (q queryable) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := seriesSet{at: -1}
	for _, series := range q {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(series.Labels().Get(m.Name)) }) {
			found.all = append(found.all, series)
		}
	}
	return &found
}

func (queryable) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (queryable) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (queryable) Close() error { return nil }

type seriesSet struct {
	all []storage.Series
	at  int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.all) }
func (s *seriesSet) At() storage.Series                { return s.all[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

type sample struct {
	milliseconds int64
	value        float64
}

func (s sample) T() int64                      { return s.milliseconds }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
