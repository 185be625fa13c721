"""Songs on disk: read, checked, edited and saved. No torch and no terminal here.

The doors, imported from their own modules so that a screen that only lists songs loads no decoder:
`session` (load_dataset, open_session), `scan` (scan_folder), `acestep_json` (save_dataset), `findings` (check_dataset),
`effective` (effective_caption, effective_lyrics), `where` (parse_where, parse_assignment), `audio` (read_audio,
write_audio), `measure` (loudness and the like), `song` (the data model), `fields` (what can be edited).
"""

from typing import Final

DATASET_FILE: Final = "dataset.json"
"""The name of a data set that is saved into a folder."""
