// A whole trial in another language: it reads what is asked, says where it is, measures, and reports.
// Its model hashes blocks with SHA-256, a KiB is an inference. What it must honour stands in
// operator/docs/trial-contract.md.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

var asked struct { // encoding/json takes camelCase names for these, and passes over all others
	Version, Index, Attempt int
	Trial                   string
	Parameters              struct{ BlockKib int }
	RunDeadlineSeconds      float64
	Limits                  []struct {
		Metric string
		Max    float64
	}
}

func say(words map[string]any) { // into the file that is there: the kubelet has mounted this very one
	place := os.Getenv("DEPLOYTUNE_TERMINATION_LOG") // set on one machine, not in a Pod
	if place == "" {
		place = "/dev/termination-log"
	}
	text, _ := json.Marshal(words)
	if os.WriteFile(place, text, 0o644) != nil {
		os.Exit(74)
	}
}

func end(outcome string, more map[string]any) {
	more["version"], more["stage"], more["outcome"] = 1, "Measure", outcome
	more["trial"], more["index"], more["attempt"] = asked.Trial, asked.Index, asked.Attempt
	say(more)
	os.Exit(0)
}

func measure(found chan<- map[string]float64) {
	block, hashed, begun := make([]byte, asked.Parameters.BlockKib<<10), 0, time.Now()
	for ; time.Since(begun) < time.Second/2; hashed += len(block) {
		sha256.Sum256(block)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	found <- map[string]float64{ // every metric that an objective or a limit of the tuning names
		"throughput@full":   float64(hashed) / (1 << 10) / time.Since(begun).Seconds(),
		"server_memory_mib": float64(memory.Sys) / (1 << 20),
	}
}

func main() {
	err := json.Unmarshal([]byte(os.Getenv("DEPLOYTUNE_TRIAL")), &asked)
	if err != nil || asked.Version > 2 || asked.Parameters.BlockKib < 1 {
		os.Exit(64)
	}
	told, found := make(chan os.Signal, 1), make(chan map[string]float64)
	signal.Notify(told, syscall.SIGTERM)
	say(map[string]any{"version": 1, "stage": "Measure"})
	go measure(found)
	select {
	case <-told:
		end("Infrastructure", map[string]any{"cause": "Interrupted"})
	case <-time.After(time.Duration(asked.RunDeadlineSeconds * float64(time.Second))):
		end("TimedOut", map[string]any{"cause": "RunDeadline"})
	case figures := <-found:
		metrics := map[string]any{}
		for key, figure := range figures {
			metrics[key] = map[string]any{"value": figure}
		}
		for _, limit := range asked.Limits {
			if figures[limit.Metric] > limit.Max {
				end("Infeasible", map[string]any{"cause": "LimitMissed", "metrics": metrics})
			}
		}
		end("Feasible", map[string]any{"metrics": metrics})
	}
}
