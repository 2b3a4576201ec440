# make demo   a video from a prompt, from nothing but Python
# make studio the page where clips are made, varied and kept; make studio FLAGS=--no-browser only serves it
# make serve  the same clips over HTTP, for programs; FLAGS are those of mutoscope serve
# make test   everything that must hold, in under ten minutes on two cores
# make soak   every long test: laws on many samples; the service under kill -9, fifty clients, a
#             full disk (needs root), PostgreSQL (needs it installed); says at its end what was
#             skipped; far longer than make test
# make bench  how fast everything is, against others too: minutes, on a quiet machine
# make tables how good what ships is: hours, and the stickers' part needs npm
# make zoo    train everything that ships, in stages that can be resumed: many hours; stickers need npm

VENV ?= .venv
PYTHON ?= python3
PROMPT ?= a red ball bounces on the grass
FLAGS ?=
BIN := $(VENV)/bin
SPEED := sampler_orders world_speed generate_speed unet3d training_step base_speed evaluate_speed
TABLES := readers_table dense_table flow_table conditions_table alignment_table autoencoder base_table standing_table sampling guidances held_out_loss verb_times world_law strides

export PYTHON

.PHONY: setup demo studio serve test soak bench tables zoo docs clean

setup: $(VENV)/.dev

demo: $(VENV)/.core
	$(BIN)/mutoscope generate "$(PROMPT)" -o demo.mp4
	$(BIN)/python scripts/sheet.py demo.mp4 demo.png
	@echo "The video is $(CURDIR)/demo.mp4, its frames side by side $(CURDIR)/demo.png"

studio: $(VENV)/.studio
	$(BIN)/mutoscope studio $(FLAGS)

serve: $(VENV)/.serve
	$(BIN)/mutoscope serve $(FLAGS)

test: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/docs.py --check
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup

soak: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -rs -m "slow and not gpu"

bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--no-deps video-diffusion-pytorch einops-exts rotary-embedding-torch
	for name in $(SPEED); do $(BIN)/python benchmarks/$$name.py || exit 1; done

tables: $(VENV)/.dev
	for name in $(TABLES); do $(BIN)/python benchmarks/$$name.py || exit 1; done

zoo: $(VENV)/.dev
	for part in readers wide-readers autoencoder dense-readers alignment prior image modelscope \
			image:modelscope; do \
		name=$${part%%:*} init=$${part#$${part%%:*}}; \
		out=$${MUTOSCOPE_CACHE:-$$HOME/.cache/mutoscope}/runs/$$(echo $$part | tr : -); \
		$(BIN)/mutoscope train $$name --out $$out $${init:+--init $${init#:}} \
			$$(test -d $$out/state && echo --resume) || exit 1; \
		$(BIN)/python scripts/ship.py $$name $$out --thaw || exit 1; \
	done

docs: $(VENV)/.dev
	$(BIN)/python scripts/docs.py

clean:
	rm -rf $(VENV) demo.mp4 demo.png

$(VENV)/.core: pyproject.toml constraints.txt
	sh scripts/setup.sh $(VENV) core

$(VENV)/.serve: pyproject.toml constraints.txt
	sh scripts/setup.sh $(VENV) serve

$(VENV)/.studio: pyproject.toml constraints.txt
	sh scripts/setup.sh $(VENV) studio

$(VENV)/.dev: pyproject.toml constraints.txt
	sh scripts/setup.sh $(VENV) dev
