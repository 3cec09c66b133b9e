# What people who work on this project run. `make` alone lists it.

GO ?= go
FUZZTIME ?= 10s

.DEFAULT_GOAL := help
.PHONY: help build test check demo bench fuzz interop clean

help: ## List the targets.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/\1\t\2/' | expand -t 10

build: ## Make bin/gal-pkg, bin/gal-registry and bin/gal-keyless.
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/gal-pkg ./cmd/gal-pkg
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/gal-registry ./cmd/gal-registry
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/gal-keyless ./cmd/gal-keyless

test: ## Run every test. They need git, and no network.
	$(GO) test ./...

check: ## Look for what reviews should not have to: format, vet, staticcheck, layers, go.mod.
	@unformatted=$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...)); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w is needed for:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) run ./tools/layers
	$(GO) mod tidy -diff

demo: ## Make a registry, publish sample packages, and use them.
	$(GO) run ./tools/demo

bench: ## Measure beside other package managers that are on PATH. Takes minutes.
	$(GO) run ./tools/bench

fuzz: ## Run every fuzz target for FUZZTIME (10s).
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
		done; \
	done

interop: ## Build cosign and hold our keys and bundles against it. Takes minutes.
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	GOBIN="$$dir" GOFLAGS= $(GO) install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3 && \
	PATH="$$dir:$$PATH" $(GO) test -count=1 -run Cosign -v ./sign

clean: ## Remove what is made here.
	rm -rf bin .demo
