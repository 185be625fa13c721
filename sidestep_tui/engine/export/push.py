"""An exported folder put on the Hugging Face Hub; huggingface_hub finds the token in its usual place."""

import shlex
from pathlib import Path

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from sidestep_tui.errors import SidestepError


def push_folder(folder: Path, repository: str, run: Path, *, public: bool) -> str:
    """Uploads every file of `folder`; a repository that does not exist is made, private unless asked otherwise.

    Args:
        folder: what was exported.
        repository: OWNER/NAME.
        run: the run of the export, which tries the upload once more when it is resumed.
        public: whether a new repository can be seen by everyone.

    Returns:
        The address of the commit.

    Raises:
        SidestepError: there is no token, the Hub refuses it, or the connection was lost; the folder stays.
    """
    hub, typed = HfApi(), shlex.quote(str(run))
    try:
        hub.create_repo(repository, private=not public, exist_ok=True)
        commit = hub.upload_folder(repo_id=repository, folder_path=folder, commit_message="Upload the adapter")
    except LocalTokenNotFoundError as error:
        fix = f"run `hf auth login`, then `sidestep resume {typed}`"
        raise SidestepError("There is no token for the Hub.", where=repository, fix=fix) from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
        fix = f"try again later: `sidestep resume {typed}` uploads it"
        if status in (401, 403):
            fix = f"run `hf auth login` with a token that may write there, then `sidestep resume {typed}`"
        raise SidestepError(
            f"The Hub did not take the upload: {type(error).__name__}; the folder {folder.name} is whole here.",
            where=repository,
            fix=fix,
        ) from error
    return str(commit)
