"""What the fork server finds in the list of its mappings."""

from edge_daemon.runtime.forkserver import clean_mappings

SMAPS = """\
5559a0000000-5559a0001000 r-xp 00000000 08:01 1234                       /usr/bin/read only
Size:                  4 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
5559a0001000-5559a0003000 r--p 00001000 08:01 1234                       /usr/lib/relocated.so
Size:                  8 kB
Anonymous:             4 kB
VmFlags: rd mr mw me ac
5559a0003000-5559a0004000 rw-p 00003000 08:01 1234                       /usr/lib/writable.so
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 00:00 0
Anonymous:             0 kB
7f0000002000-7f0000004000 r--p 00000000 08:01 99                         /usr/lib/data.so
Rss:                   8 kB
Anonymous:             0 kB
"""


def test_only_mappings_of_files_that_were_never_written_to_are_untouched() -> None:
    assert list(clean_mappings(SMAPS)) == [(0x5559A0000000, 0x5559A0001000), (0x7F0000002000, 0x7F0000004000)]
