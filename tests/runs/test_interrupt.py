import os
import signal
import subprocess
import sys
import time

import small_repository


def test_an_interrupted_run_says_so_in_one_line_and_keeps_its_checkpoint(tmp_path):
    """As Ctrl-C interrupts it: command and kernel at once, here in the middle of training."""
    out = tmp_path / "results" / "smoke" / "mnist" / "run"
    settings = ("--set", "epochs=500", "--set", "width=0.25")
    process = subprocess.Popen(
        [sys.executable, "-m", "exon", "run", "mnist", "--profile", "smoke", *settings, "--out", str(out)],
        cwd=small_repository.ROOT,
        env={**os.environ, "EXON_WORK": str(tmp_path / "work"), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not (kept := list(tmp_path.rglob("checkpoint.pt"))):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.strip() == "Stopped. The same command goes on from the last checkpoint, if there is one."
    assert kept[0].exists()
    assert not out.exists() or not any(out.iterdir())
