# Two commands: `make demo` and `make test`. Both can be run again; both set up what they need first.
PYTHON ?= python3
MODEL ?= cnn_lstm
PY = .venv/bin/python
READY = .venv/ready
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-slow test-jax benchmark lint

demo: $(READY)
	$(PY) train.py --demo --model $(MODEL)
	$(PY) test.py

test: $(READY)
	$(PY) -m pytest -n 2

test-slow: $(READY)
	$(PY) -m pytest -n 2 -m slow

test-jax: .venv/ready-jax
	KERAS_BACKEND=jax $(PY) -m pytest tests/test_contract.py tests/test_folding.py

benchmark: $(READY)
	$(PY) -m pytest -m benchmark -s

lint: $(READY)
	$(PY) -m ruff check . && $(PY) -m ruff format --check .

$(READY): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed (TensorFlow has no other wheels); `$(PYTHON) --version` was found. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install -q -r requirements-dev.txt
	@# opencv-python's windows need libGL; where it is missing, the same OpenCV without windows does all the rest.
	@$(PY) -c 'import cv2' 2>/dev/null || { \
	  echo "libGL is missing here: installing OpenCV without its window functions (opencv-python-headless)."; \
	  $(PY) -m pip uninstall -q -y opencv-python && \
	  $(PY) -m pip install -q "opencv-python-headless==$$(sed -n 's/^opencv-python==//p' requirements.txt)" && \
	  $(PY) -c 'import cv2'; }
	@# Without a network the frame models still work, and the message says which two files to put where.
	-@$(PY) -m gait.pose.weights
	touch $@

.venv/ready-jax: $(READY) requirements-jax.txt
	$(PY) -m pip install -q -r requirements-jax.txt
	touch $@
