# Everything a developer does here. Go is all that is needed, but for `race`
# (a C compiler) and what CI installs for tests that are skipped without it
# (.ci/run).

GO          ?= go
PKG         ?= ./...
# Packages tested at a time, and tests of one that may run beside others: many
# wait for a disk, a process or a timeout.
PARALLEL    ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
FUZZTIME    ?= 20000x
CRASH_SEEDS ?= 5000
BENCH       ?=
# What topics version prints, beside the release.
COMMIT      ?= $(shell git rev-parse HEAD 2>/dev/null)
DATE        ?= $(shell git log -1 --format=%cI 2>/dev/null)
# What a release is for.
PLATFORMS   ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

export CGO_ENABLED = 0

.PHONY: build run test race locks lint fuzz crash bench generate plots pictures platforms cross wine release vendor-check schemathesis check

build: ## the binary, into bin/
	$(GO) build -ldflags "-X main.commit=$(COMMIT) -X main.date=$(DATE)" -o bin/topics ./cmd/topics

run: build ## a server with the settings of the environment
	exec bin/topics

# -count=1: the tests of the real binary build it themselves, which the cache
# of test results does not see.
test: ## every test
	$(GO) test -count=1 -timeout 20m -p $(PARALLEL) -parallel $(PARALLEL) $(PKG)

race: ## every test under the race detector; RACE=-short leaves out what is large
	CGO_ENABLED=1 $(GO) test -count=1 -race -timeout 20m $(RACE) $(PKG)

locks: ## the tests of topics, with the order of its locks checked
	$(GO) test -count=1 -tags lockorder ./topics ./topics/follow ./topics/lockorder

lint: ## formatting, vet, staticcheck
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt differs in:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# So many runs, not so much time: at the end of a time Go 1.26 fails now and then
# with "context deadline exceeded" and no input (go.dev/issue/75804).
fuzz: ## every fuzz target for FUZZTIME
	@set -e; for pkg in $$($(GO) list $(PKG)); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
		done; \
	done

crash: ## the crash simulations, over CRASH_SEEDS seeds
	$(GO) test ./wal ./recovery -run '^TestCrash' -timeout 60m -seeds $(CRASH_SEEDS)

bench: build ## the server against the limits of this machine
	bin/topics bench $(BENCH)

generate: ## what is generated from the source: docs/configuration.md, docs/metrics.md, the dashboard, api/openapi/openapi.json
	$(GO) generate ./...

platforms: ## types of all packages and tests, for every platform of a release
	$(GO) test -count=1 ./cmd/release -run '^TestEveryPlatform$$' -platforms

# The end-to-end tests end servers by signals, which Windows has not.
cross: ## build, vet and compile tests of files for PLATFORMS: minutes for each
	@set -e; for p in $(PLATFORMS); do \
		export GOOS=$${p%/*} GOARCH=$${p#*/}; \
		echo "$$p"; \
		pkgs=$$($(GO) list ./...); \
		if [ $$GOOS = windows ]; then pkgs=$$(echo "$$pkgs" | grep -v /cmd/topics/e2e); fi; \
		nice $(GO) build -o /dev/null ./cmd/topics; \
		nice $(GO) vet $$pkgs; \
		for pkg in ./wal/vfs ./api/conns ./cmd/topics; do nice $(GO) test -c -o /dev/null $$pkg; done; \
	done

wine: ## the tests of the file seam of Windows (needs Wine)
	$(GO) test -count=1 ./wal/vfs -run '^TestWindowsInWine$$' -wine

release: ## archives, packages, an image, their checksums and SBOMs, for PLATFORMS, into dist/
	$(GO) run ./cmd/release -commit "$(COMMIT)" -date "$(DATE)" -to dist $(PLATFORMS)

plots: build ## the plots of README, measured now: minutes on a quiet machine
	bin/topics bench --json --only writes --class disk,fsync --writers 1,4,16,64 --batch 1 --interval 1s --repeats 5 >docs/pictures/writes.json
	bin/topics bench --json --only recovery --records 100k,1M,5M --progress-records 1M >docs/pictures/recovery.json
	$(GO) run ./cmd/pictures

pictures: build ## the pictures of README, with a drill that is recorded now
	$(GO) run ./cmd/pictures -record bin/topics

schemathesis: ## requests that its OpenAPI document allows and forbids, against a server (needs schemathesis)
	$(GO) test -count=1 -timeout 20m ./cmd/topics/e2e -run '^TestSchemathesis$$' -schemathesis 60

vendor-check: ## the console's vendored files against npm's tarballs (needs npm)
	$(GO) test -count=1 ./api/console -run TestVendored -npm

check: ## all of CI
	.ci/run
