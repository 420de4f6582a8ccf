// Prices, written anew in Go: the same answers as ../prices, and a tenth off. It calls nobody.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"
)

var cents = map[string]int{"assam": 531, "oolong": 882, "sencha": 648}

// Hop is this service's entry in the path of an answer.
type Hop struct {
	Service  string  `json:"service"`
	Version  string  `json:"version"`
	Instance string  `json:"instance"`
	Language string  `json:"language"`
	Job      string  `json:"job"`
	Ms       float64 `json:"ms"`
}

func main() {
	log.SetFlags(0)
	http.HandleFunc("/price", price)
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	address := net.JoinHostPort(env("HOST", "127.0.0.1"), env("PORT", "8003"))
	log.Printf("prices are up on http://%s", address)
	log.Fatal(http.ListenAndServe(address, nil))
}

func price(w http.ResponseWriter, r *http.Request) {
	path := []Hop{me("look up the price", time.Now())}
	found, known := cents[r.URL.Query().Get("tea")]
	if !known {
		log.Print("GET /price 404: there is no such tea")
		reply(w, http.StatusNotFound, map[string]any{"error": "there is no such tea", "failed": "prices", "path": path})
		return
	}
	log.Printf("GET /price 200: %d cents", found)
	reply(w, http.StatusOK, map[string]any{"cents": found, "path": path})
}

func me(job string, started time.Time) Hop {
	return Hop{
		Service:  env("SANDBOX_SERVICE", "prices"),
		Version:  env("SANDBOX_VERSION", "v2"),
		Instance: env("SANDBOX_INSTANCE", "prices-v2-alone"),
		Language: "Go " + strings.TrimPrefix(runtime.Version(), "go"),
		Job:      job,
		Ms:       float64(time.Since(started).Microseconds()/100) / 10,
	}
}

func reply(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a caller that stopped waiting is no error of ours
}

func env(name, otherwise string) string {
	if text := os.Getenv(name); text != "" {
		return text
	}
	return otherwise
}
