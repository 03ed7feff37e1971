"""Filter on a Dask cluster
========================

Do one thing to all files of a folder on a cluster; without an address on one that is started here::

    python examples/filter_on_dask.py data/recordings softer [tcp://10.0.0.1:8786]

Workers want the same version of audioconv, and the files at the same paths. Needs ``pip install 'audioconv[dask]'``.
"""

import sys

import audioconv as ac


def softer(source, target):
    ac.process_file(source, target, ac.Gain(-6.0, channels=ac.io.info(source).channels))


def main(folder, target, address=None):
    if address:
        summary = ac.map_files(softer, folder, target, scheduler=address)
    else:
        from distributed import LocalCluster

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            summary = ac.map_files(softer, folder, target, scheduler=cluster.scheduler_address)
    print(summary)
    return summary


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except ac.AudioconvError as error:
        sys.exit(f"filter_on_dask: {error}")
