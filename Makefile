# Everything a newcomer needs: `make run` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

.PHONY: build run test lint tidy

build:
	go build -o build/bench ./cmd/bench

# The main job on the bundled papers, answered by the bundled recording: no key, no network, no cost.
run: build
	build/bench run --dataset paper2code

# Formatting, vet, lint, and the tests with the race detector.
test: lint
	go test -race ./...

lint:
	@unformatted="$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go'))"; \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool -modfile=tools/go.mod golangci-lint run

tidy:
	go mod tidy
	go -C tools mod tidy
