// Clock tells the time over HTTP; with -chime it is the scheduler that strikes the hours.
package main

import (
	"crypto/subtle"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync/atomic"
	"time"
	_ "time/tzdata"
)

// setting is an environment variable, or what holds where it is not set.
func setting(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

var asked atomic.Int64

func tell(w http.ResponseWriter, r *http.Request) {
	token := os.Getenv("APP_TOKEN_VALUE")
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Token")), []byte(token)) != 1 {
		http.Error(w, "who are you?", http.StatusForbidden)
		return
	}
	zone, err := time.LoadLocation(setting("APP_ZONE", "UTC"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	asked.Add(1)
	fmt.Fprintln(w, time.Now().In(zone).Format(time.RFC1123))
}

func metrics(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "# TYPE clock_asked counter\nclock_asked %d\n", asked.Load())
}

func chime() {
	for {
		now := time.Now()
		time.Sleep(time.Until(now.Truncate(time.Hour).Add(time.Hour)))
		log.Printf("it is %d o'clock", now.Hour()+1)
	}
}

func main() {
	scheduler := flag.Bool("chime", false, "strike the hours")
	flag.Parse()
	if *scheduler {
		chime()
	}
	measured := http.NewServeMux()
	measured.HandleFunc(setting("METRICS_PATH", "/metrics"), metrics)
	go func() { log.Fatal(http.ListenAndServe(":"+setting("METRICS_PORT", "8001"), measured)) }()
	http.HandleFunc("/", tell)
	log.Fatal(http.ListenAndServe(":"+setting("PORT", "8000"), nil))
}
