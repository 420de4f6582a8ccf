// The cart adds up what a tin of tea costs, and when it comes. It calls prices and stock, both at once.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"
)

const parcel = 150 // cents

// Hop is this service's entry in the path of an answer.
type Hop struct {
	Service  string  `json:"service"`
	Version  string  `json:"version"`
	Instance string  `json:"instance"`
	Language string  `json:"language"`
	Job      string  `json:"job"`
	Ms       float64 `json:"ms"`
}

// Answer is what services say to each other. Entries of the path are handed on as they came.
type Answer struct {
	Error  string            `json:"error,omitempty"`
	Failed string            `json:"failed,omitempty"`
	Cents  int               `json:"cents,omitempty"`
	Days   int               `json:"days,omitempty"`
	Path   []json.RawMessage `json:"path"`
	status int
}

var (
	pricesURL = env("PRICES_URL", "http://prices:8000")
	stockURL  = env("STOCK_URL", "http://stock:8000")
	passOn    = []string{"Traceparent", "Tracestate", "Baggage", "X-Request-Id", "X-Canary"}
	client    = &http.Client{Timeout: 10 * time.Second}
)

func main() {
	log.SetFlags(0)
	http.HandleFunc("/total", total)
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"status": "ok"}`) })
	address := net.JoinHostPort(env("HOST", "127.0.0.1"), env("PORT", "8002"))
	log.Printf("the cart waits on http://%s", address)
	log.Fatal(http.ListenAndServe(address, nil))
}

func total(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	query := "?tea=" + url.QueryEscape(r.URL.Query().Get("tea"))
	stocked := make(chan Answer, 1)
	go func() { stocked <- ask("stock", stockURL+"/tin"+query, r.Header) }()
	price, tin := ask("prices", pricesURL+"/price"+query, r.Header), <-stocked

	answer := Answer{status: http.StatusOK, Cents: price.Cents + parcel, Days: tin.Days}
	for _, failed := range []Answer{tin, price} { // when both failed, the price is what people ask for first
		if failed.status != http.StatusOK {
			answer = Answer{status: failed.status, Error: failed.Error, Failed: failed.Failed}
		}
	}
	hop := me("add it up", started)
	answer.Path = append(append(entries(hop), price.Path...), tin.Path...)
	said := orElse(answer.Error, fmt.Sprint(answer.Cents, " cents"))
	log.Printf("GET /total %d %.1f ms: %s", answer.status, hop.Ms, said)
	reply(w, answer)
}

// ask GETs the callee's answer. When there is none, what comes back says so in the same shape.
func ask(callee, url string, incoming http.Header) Answer {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return silent(callee, http.StatusBadGateway, err.Error())
	}
	for _, name := range passOn {
		request.Header[name] = incoming[name]
	}
	response, err := client.Do(request)
	if err != nil {
		return silent(callee, http.StatusBadGateway, err.Error())
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	answer := Answer{status: response.StatusCode}
	if json.Unmarshal(body, &answer) != nil { // not the callee's own words
		return silent(callee, response.StatusCode, string(body))
	}
	return answer
}

func silent(callee string, status int, said string) Answer {
	text := fmt.Sprintf("no answer from %s (%d): %s", callee, status, strings.TrimSpace(said))
	path := entries(map[string]string{"service": callee, "error": text})
	return Answer{status: status, Error: text, Failed: callee, Path: path}
}

func me(job string, started time.Time) Hop {
	return Hop{
		Service:  env("SANDBOX_SERVICE", "cart"),
		Version:  env("SANDBOX_VERSION", "v1"),
		Instance: env("SANDBOX_INSTANCE", "cart-alone"),
		Language: "Go " + strings.TrimPrefix(runtime.Version(), "go"),
		Job:      job,
		Ms:       float64(time.Since(started).Microseconds()/100) / 10,
	}
}

func entries(one any) []json.RawMessage {
	text, _ := json.Marshal(one)
	return []json.RawMessage{text}
}

func reply(w http.ResponseWriter, answer Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.status)
	_ = json.NewEncoder(w).Encode(answer) // a caller that stopped waiting is no error of ours
}

func env(name, otherwise string) string { return orElse(os.Getenv(name), otherwise) }

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
