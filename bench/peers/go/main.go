// cedar-go on the files of one workload: POLICIES ENTITIES REQUESTS ROUNDS. Entities loaded, requests prepared; prints
// {"p50_ns","p90_ns","p99_ns","mean_ns"} as `reeve cedar bench --json` does. It has no templates.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/cedar-policy/cedar-go"
)

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return v
}

type request struct {
	Principal, Action, Resource cedar.EntityUID
	Context                     cedar.Record
}

func main() {
	set := must(cedar.NewPolicySetFromBytes(os.Args[1], must(os.ReadFile(os.Args[1]))))
	var entities cedar.EntityMap
	must(0, json.Unmarshal(must(os.ReadFile(os.Args[2])), &entities))
	var list []request
	must(0, json.Unmarshal(must(os.ReadFile(os.Args[3])), &list))
	rounds := must(strconv.Atoi(os.Args[4]))
	took := make([]int64, 0, rounds*len(list))
	sum := int64(0)
	for round := 0; round <= rounds; round++ {
		for _, r := range list {
			rq := cedar.Request{Principal: r.Principal, Action: r.Action, Resource: r.Resource, Context: r.Context}
			at := time.Now()
			cedar.Authorize(set, entities, rq)
			if ns := time.Since(at).Nanoseconds(); round > 0 {
				took = append(took, ns)
				sum += ns
			}
		}
	}
	slices.Sort(took)
	n := len(took)
	fmt.Printf("{\"p50_ns\":%d,\"p90_ns\":%d,\"p99_ns\":%d,\"mean_ns\":%d}\n", took[n/2], took[n-n/10-1], took[n-n/100-1], sum/int64(n))
}
