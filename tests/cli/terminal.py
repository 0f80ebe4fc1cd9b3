"""A command at a terminal, where a person answers its prompts."""

import os
import pty
import select
import signal
import sys
from pathlib import Path

from services.programs import environment

CTRL_C = "\x03"
PRESSED_AGAIN_S = 0.5  # as a person does where nothing happens


def typed(folder: Path, arguments: tuple[str, ...], answers: dict[str, str]) -> tuple[str, int]:
    """What stands on a terminal after each prompt was answered by hand, and with which code the command ended."""
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # where tests run in the background it is ignored
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "wakala", *arguments], environment({}))
    screen = ""
    try:
        for prompt, answer in answers.items():
            while f"{prompt}: " not in screen:
                screen += os.read(terminal, 4096).decode()
            os.write(terminal, answer.encode() if answer == CTRL_C else f"{answer}\n".encode())
        is_pressed = CTRL_C in answers.values()
        while True:
            # Pressed in the instant between a prompt and the wait for its answer it is seen with the next key only.
            if is_pressed and not select.select([terminal], [], [], PRESSED_AGAIN_S)[0]:
                os.write(terminal, CTRL_C.encode())
            elif piece := os.read(terminal, 4096):
                screen += piece.decode()
            else:
                break
    except OSError:  # how a terminal says that its last program has ended
        pass
    except BaseException:  # the test's time is over
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
        os.close(terminal)
    return screen, os.waitstatus_to_exitcode(status)
