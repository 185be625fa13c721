"""The headless engine: one process, one run directory, one job. It draws nothing and outlives its viewers.

`__main__` is the process. It asks `jobs` for its job's function `run(context, settings)`: that of `preprocess`,
`labelling`, `importing`, `estimate`, `preflight`, `training`, `generate` or `export`, in each package's `job` module,
or of `verify`. What several of them work with are the encoded songs (`data`), adapters on the model (`adapters`) and
what decides how much memory a step takes (`memory`). A job speaks to the world through its `context`; several
processes on one run find each other through `ranks`.
"""
