"""What a stream costs, in a process of its own: the share of a core that follows it, and its memory.

python benchmarks/words_cost.py FILE | PEER WORD
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from words_data import RATE, find_speech, joined

import audioconv as ac
from audioconv.detect import is_detector

BLOCK = 1280  # samples, 80 ms, which is what openWakeWord takes
SECONDS, REPEATS = 20, 3
STREAMS = 20


def cost(*which):
    """Share of a core, and MB a stream, of a model file, or a peer and its word."""
    command = [sys.executable, Path(__file__), *which]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _maker(which):
    """A function that makes a stream, which takes blocks; and how long these are."""
    if len(which) == 1:
        model = (ac.KeywordDetector if is_detector(which[0]) else ac.KeywordClassifier).load(which[0])
        model.threads = 1
        return lambda: model.stream().process, BLOCK
    from words_peers import peers

    peer = next(peer for peer in peers() if peer.name == which[0]).alone(which[1])
    return peer.stream, peer.block


def _measure(which):
    make, block = _maker(which)
    sound = joined(find_speech((), "val").recordings[:4])[: SECONDS * RATE]
    blocks = sound[: len(sound) // block * block].reshape(-1, block)
    times_s = []
    for _ in range(1 + REPEATS):
        process = make()
        begin = time.process_time()
        for each in blocks:
            process(each)
        times_s.append(time.process_time() - begin)
    before, kept = _resident(), []
    for _ in range(STREAMS):
        kept.append(make())
        for each in blocks[:10]:
            kept[-1](each)
    return {"core": min(times_s[1:]) / (blocks.size / RATE), "MB": (_resident() - before) / STREAMS / 1e6}


def _resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1:])))
