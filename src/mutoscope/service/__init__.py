"""The service: jobs that are kept, workers that run them, and the two HTTP shapes they are seen in.

    a request  ->  desk.Desk  ->  store.Store  <-  worker (a process of its own)  ->  results
                   api, videos: HTTP      supervisor: keeps N workers alive

Everything that is true of a job stands in the store, so any process may die at any moment: what a
client was told is in the store already, and what a worker had not finished is run again from its
seed. `Desk` is the door for Python.

Places left for later: other machines (a worker needs the store's URL and the results' folder, and
nothing else of the server), content credentials and watermarks (both belong into `results.kept`,
which alone writes what is served).
"""
