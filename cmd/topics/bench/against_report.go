package bench

import (
	"fmt"
	"io"
	"math"

	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
)

// summarize adds the medians of all turns.
func (r *AgainstReport) summarize(turns []map[againstCell]againstMeasures, peers []*peer.Peer) {
	for _, l := range againstLoads {
		servers := l.own
		for _, p := range peers {
			servers = append(servers[:len(servers):len(servers)], p.Name)
		}
		for _, server := range servers {
			cell := againstCell{l.name, server}
			if _, measured := turns[0][cell]; !measured {
				continue
			}
			r.Rows = append(r.Rows, AgainstResult{Load: l.name, Server: server, againstMeasures: medianAgainst(turns, cell)})
		}
		for _, own := range l.own {
			for _, p := range peers {
				r.compare(turns, againstCell{l.name, own}, againstCell{l.name, p.Name})
			}
		}
	}
}

// medianAgainst returns the medians of a cell.
func medianAgainst(turns []map[againstCell]againstMeasures, cell againstCell) againstMeasures {
	of := func(figure func(againstMeasures) float64) float64 {
		return medianOf(turns, func(t map[againstCell]againstMeasures) float64 { return figure(t[cell]) })
	}
	return againstMeasures{
		Records:  of(func(m againstMeasures) float64 { return m.Records }),
		P50US:    of(func(m againstMeasures) float64 { return m.P50US }),
		P99US:    of(func(m againstMeasures) float64 { return m.P99US }),
		ServerUS: of(func(m againstMeasures) float64 { return m.ServerUS }),
		ClientUS: of(func(m againstMeasures) float64 { return m.ClientUS }),
		Calls:    of(func(m againstMeasures) float64 { return m.Calls }),
		Switches: of(func(m againstMeasures) float64 { return m.Switches }),
	}
}

// compare adds the ratios of two cells, if the peer has the load.
func (r *AgainstReport) compare(turns []map[againstCell]againstMeasures, own, other againstCell) {
	if _, measured := turns[0][other]; !measured {
		return
	}
	of := func(figure func(againstMeasures) float64) float64 {
		return medianOf(turns, func(t map[againstCell]againstMeasures) float64 {
			return min(figure(t[own])/figure(t[other]), math.MaxFloat64) // JSON knows no infinity
		})
	}
	ratio := AgainstRatio{Load: own.load, Server: own.server, Peer: other.server}
	ratio.Records = of(func(m againstMeasures) float64 { return m.Records })
	ratio.P50 = of(func(m againstMeasures) float64 { return m.P50US })
	if medianAgainst(turns, other).ServerUS > 0 {
		ratio.ServerUS = of(func(m againstMeasures) float64 { return m.ServerUS })
	}
	r.Ratios = append(r.Ratios, ratio)
}

func (r *Report) against(w io.Writer) {
	if r.Against == nil {
		return
	}
	fmt.Fprintln(w)
	for _, why := range r.Against.Missing {
		fmt.Fprintf(w, "%s\n", why)
	}
	fmt.Fprintln(w, "load\tserver\trecords/s\tp50 us\tp99 us\tserver CPU us/record\tclient\tsystem calls/record\tcontext switches/record\t")
	for _, m := range r.Against.Rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.3f\t\n",
			m.Load, m.Server, figure(m.Records), figure(m.P50US), figure(m.P99US), figure(m.ServerUS), figure(m.ClientUS), known(m.Calls), m.Switches)
	}
	fmt.Fprintln(w, "\nratio\tof\tto\trecords/s\tp50\tserver CPU/record\t")
	for _, m := range r.Against.Ratios {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.2f\t%s\t\n", m.Load, m.Server, m.Peer, figure(m.Records), m.P50, known(m.ServerUS))
	}
}

// known renders a figure that is 0 if it is not known.
func known(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}
