// Sends events with the official CloudEvents SDK for Go, in each mode; prints one JSON line per request.
// In: {"url", "token", "structured": [event…], "binary": [event…], "batch": [event…]} on standard input.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

type told struct {
	URL        string              `json:"url"`
	Token      string              `json:"token"`
	Structured []cloudevents.Event `json:"structured"`
	Binary     []cloudevents.Event `json:"binary"`
	Batch      []cloudevents.Event `json:"batch"`
}

func main() {
	var in told
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		log.Fatal(err)
	}
	client, err := cloudevents.NewClientHTTP(
		cloudevents.WithTarget(in.URL), cloudevents.WithHeader("Authorization", "Bearer "+in.Token))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for _, event := range in.Structured {
		tell("structured", status(client.Send(cloudevents.WithEncodingStructured(ctx), event)))
	}
	for _, event := range in.Binary {
		tell("binary", status(client.Send(cloudevents.WithEncodingBinary(ctx), event)))
	}
	tell("batch", sendBatch(ctx, in))
}

func sendBatch(ctx context.Context, in told) int {
	request, err := cehttp.NewHTTPRequestFromEvents(ctx, in.URL, in.Batch)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+in.Token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func status(result error) int {
	var answer *cehttp.Result
	if !errors.As(result, &answer) {
		log.Fatal(result)
	}
	return answer.StatusCode
}

func tell(mode string, status int) {
	fmt.Printf("{\"mode\": %q, \"status\": %d}\n", mode, status)
}
