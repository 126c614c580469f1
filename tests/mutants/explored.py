#!/usr/bin/env python3
"""Each component at its smallest, every interleaving: scenarios/smallest/explored.csv against what `explore` says.

A row is a scenario of scenarios/smallest, the number of its executions, and a mutant (run.py) with what must be found of it and
in how many executions. Exit 1 where the search of the scenario is not complete, or bounded, or finds anything; where it has
another number of executions; where the mutant is not found, or not so; where a scenario has no row; and where
docs/explored.md does not say the same. `--write` writes both from what was found.
"""

# S0-53: what was covered is said with the number of executions and the bound, which is none.
import argparse
import concurrent.futures
import csv
import json
import pathlib
import shutil
import subprocess
import sys

import run

TABLE = run.ROOT / 'scenarios' / 'smallest' / 'explored.csv'
DOCUMENT = run.ROOT / 'docs' / 'explored.md'
SECONDS_MAX = 300  # for one search
TEXT = """# Explored completely

Made by `tests/mutants/explored.py --write`, from `scenarios/smallest/explored.csv`, which a test compares with what `explore` says.

Each component's smallest concurrent scenario: two or three threads, a few operations. `foreseed explore NAME
--require-complete` runs one execution of each Mazurkiewicz trace - each order of those steps that do not commute - so that
where it holds, it holds under every interleaving and every choice, without a bound on preemptions or anything else - but that
time-outs come last, as where nobody is slow. What a scenario assumes is in `scenarios/smallest/`; what the search takes for granted is in [limits.md](limits.md). The same scenario with the
mutant must fail, in the way that is expected of it.

| scenario | holds in all executions | seconds | mutant | found in execution |
|---|---|---|---|---|
"""


def explore(program, scenario, work):
    work.mkdir(parents=True, exist_ok=True)
    command = [program, 'explore', scenario, '--require-complete', '--json', '--db', work / 'failures.db']
    try:
        done = run.execute(command, timeout=SECONDS_MAX, cwd=work)
    except subprocess.TimeoutExpired:
        raise run.Bad(f'not explored in {SECONDS_MAX} s') from None
    events = {event['event']: event for event in map(json.loads, done.stdout.splitlines())}
    if done.returncode not in (0, 1) or not {'held', 'failed'} & events.keys():
        raise run.Bad(f'exit {done.returncode}: {done.stdout}{done.stderr}')
    return events


def judge(build, program, row):
    """The row as it should be, and what is wrong with it."""
    work = build.directory / 'mutants' / 'explored' / row['scenario']
    shutil.rmtree(work, ignore_errors=True)
    events = explore(program, row['scenario'], work / 'control')
    if 'failed' in events:
        raise run.Bad('fails without a mutant: ' + events['failure']['message'])
    held = events['held']
    if not held['finished'] or held['blocked'] or held['held_at_0']:
        raise run.Bad(f'bounded: {held}')
    mutant = run.Mutant(run.ROOT / 'tests' / 'mutants' / (row['mutant'] + '.patch'))
    mutant.killer = row['scenario']
    events = explore(run.build_mutant(build, mutant, work / 'mutant'), row['scenario'], work / 'found')
    shutil.rmtree(work / 'mutant')
    if 'failed' not in events:
        raise run.Bad(f'{row["mutant"]} survives {events["held"]["complete"]} executions, which are all')
    finding = f'{events["failure"]["kind"]}: {events["failure"]["message"]}'
    if row['finding'] not in finding:
        raise run.Bad(f'{row["mutant"]} dies of something else: {finding}')
    return row | {'executions': str(held['complete']), 'seconds': f'{held["seconds"]:.3f}',
                  'found_in': str(max(1, events['failed']['complete']))}


def render(rows):
    lines = [f'| `{row["scenario"]}` | {int(row["executions"]):,} | {row["seconds"]} | {row["mutant"]} | {row["found_in"]} |' for row in rows]
    total = sum(int(row['executions']) for row in rows)
    return TEXT + '\n'.join(lines) + f'\n\n{len(rows)} scenarios, {total:,} executions.\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('filter', nargs='*', help='only scenarios whose name contains one of these')
    parser.add_argument('--build', type=pathlib.Path, default=run.ROOT / 'build' / 'release', help='an up-to-date build')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--write', action='store_true', help='the table and the document')
    options = parser.parse_args()
    build = run.Build(options.build.resolve())
    rows = list(csv.DictReader(TABLE.open(encoding='utf-8')))
    wrong = []
    smallest = {name for name in build.scenarios if '/smallest/' in build.scenarios[name]}
    if smallest != {row['scenario'] for row in rows}:
        wrong.append('the table has other scenarios than scenarios/smallest')
    if not options.write and DOCUMENT.read_text(encoding='utf-8') != render(rows):
        wrong.append('docs/explored.md is out of date: run tests/mutants/explored.py --write')
    program = build.directory / build.link_of(build.program_of(rows[0]['scenario']))[1]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        chosen = [at for at, row in enumerate(rows) if not options.filter or any(part in row['scenario'] for part in options.filter)]
        for at, future in [(at, pool.submit(judge, build, program, rows[at])) for at in chosen]:
            row = rows[at]
            try:
                found = future.result()
            except run.Bad as bad:
                wrong.append(f'{row["scenario"]}: {bad}')
                print('BAD  ' + wrong[-1], flush=True)
                continue
            print(f'{row["scenario"]:28} {found["executions"]:>6} executions, {found["seconds"]:>6} s; '
                  f'{row["mutant"]} found in {found["found_in"]}', flush=True)
            changed = [key for key in ('executions', 'found_in') if found[key] != row[key]]
            if changed and not options.write:
                wrong.append(f'{row["scenario"]}: ' + ', '.join(f'{key} is {found[key]}, the table says {row[key]}' for key in changed))
            if changed or row['seconds'] == '0':
                rows[at] = found
    if options.write:
        with TABLE.open('w', encoding='utf-8', newline='') as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator='\n')
            writer.writeheader()
            writer.writerows(rows)
        DOCUMENT.write_text(render(rows), encoding='utf-8')
    for complaint in wrong:
        print('FAILED: ' + complaint)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
