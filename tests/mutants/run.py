#!/usr/bin/env python3
"""Kills mutants: defects that real components have had, each a patch over models/, each with the scenario that must find it.

A mutant is tests/mutants/<component>/<name>.patch: a unified diff for `patch -p1`, after a header of

    Catalogue: the ids of the real bugs it stands for
    Breaks: one sentence
    Killed by: a scenario, and options of `check` (its --runs is taken where it is smaller than ours)
    Finding: text that the finding must contain; anything else it dies of is not a kill
    Equivalent: instead of Finding, why no scenario can tell it from the original

A trace in results/mutants/ is a mutant's minimised failure, kept: it must still fail with the mutant, and be fixed without.

The patch is applied to a copy, what depends on it is compiled as the build in --build compiled it, and linked with the
scenario's own file and everything else as it is. Exit 1 where a mutant survives, does not apply, does not compile, or dies of
something else, and where a killer fails without a mutant (the control).
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / 'results' / 'mutants'
SECONDS_MAX = 300  # for one verdict


class Bad(Exception):
    """A mutant that cannot be judged, and why."""


class Mutant:
    def __init__(self, path):
        self.path = path
        self.name = f'{path.parent.name}/{path.stem}'
        header, _, _ = path.read_text().partition('\n--- ')
        self.fields = dict(line.split(': ', 1) for line in header.splitlines() if ': ' in line)
        for field in ('Catalogue', 'Breaks', 'Killed by'):
            if field not in self.fields:
                raise SystemExit(f'{path}: the header has no "{field}: .."')
        if ('Finding' in self.fields) == ('Equivalent' in self.fields):
            raise SystemExit(f'{path}: the header needs either "Finding: .." or "Equivalent: .."')
        self.killer, *self.options = self.fields['Killed by'].split()
        self.kept = KEPT / f'{path.parent.name}-{path.stem}.json'
        self.files = re.findall(r'^\+\+\+ b/(\S+)', path.read_text(), re.MULTILINE)


class Build:
    """What the build knows: how each file is compiled, what it depends on, how each program is linked."""

    def __init__(self, directory):
        self.directory = directory
        self.commands = {}  # object -> its compiler's arguments
        self.sources = collections.defaultdict(list)  # source -> its objects
        for entry in json.loads((directory / 'compile_commands.json').read_text()):
            arguments = shlex.split(entry['command'])
            if '-fsanitize=thread' not in arguments:
                continue
            output = arguments[arguments.index('-o') + 1]
            self.commands[output] = arguments
            self.sources[entry['file']].append(output)
        self.scenarios = {}  # scenario -> the object that holds it
        for source, objects in self.sources.items():
            if 'FORESEED_SCENARIO' in (text := pathlib.Path(source).read_text()):
                for name in re.findall(r'^FORESEED_SCENARIO\(\s*(\w+)', text, re.MULTILINE):
                    self.scenarios[name] = objects[0]
        self.dependents = collections.defaultdict(set)  # header -> objects
        for line in self.ninja('deps').splitlines():
            if line[:1] not in ('', ' '):
                target = line.split(':')[0]
            elif line.strip().endswith('.h') and target in self.commands:
                self.dependents[os.path.normpath(directory / line.strip())].add(target)
        self.links = {}

    def ninja(self, *arguments):
        return subprocess.run(['ninja', '-C', self.directory, '-t', *arguments], check=True, capture_output=True, text=True).stdout

    def program_of(self, scenario):
        if scenario not in self.scenarios:
            raise Bad(f'no scenario {scenario}')
        return re.search(r'CMakeFiles/(\w+)\.dir/', self.scenarios[scenario]).group(1)

    def link_of(self, program):
        """The arguments that link a program, without its own objects, and its name."""
        if program not in self.links:
            last = self.ninja('commands', program).splitlines()[-1]
            arguments = shlex.split(last.removeprefix(': && ').split(' && ')[0])  # what follows is done with the program
            output = arguments.index('-o')
            name = arguments[output + 1]
            kept = [a for a in arguments[:output] + arguments[output + 2:] if not (a.endswith('.o') and f'/{program}.dir/' in f'/{a}')]
            self.links[program] = (kept, name)
        return self.links[program]


def execute(command, **keywords):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **keywords)


def build_mutant(build, mutant, work):
    shutil.rmtree(work, ignore_errors=True)
    for file in mutant.files:
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, work / file)
    patched = execute(['patch', '-p1', '--silent', '--no-backup-if-mismatch', '-d', work, '-i', mutant.path])
    if patched.returncode != 0:
        raise Bad('the patch does not apply: ' + patched.stdout.strip())

    program = build.program_of(mutant.killer)
    scenario = build.scenarios[mutant.killer]
    stale = set()
    for file in mutant.files:
        source = str(ROOT / file)
        stale |= set(build.sources[source]) if file.endswith('.cc') else build.dependents[source]
    # Of programs' own objects only the killer's is linked.
    stale = {o for o in stale if '_simulated.dir/' in o or o == scenario}
    objects = []
    for output in sorted(stale):
        arguments = list(build.commands[output])
        source = arguments[arguments.index('-c') + 1]
        copy = work / os.path.relpath(source, ROOT)
        arguments[arguments.index('-c') + 1] = str(copy if copy.exists() else source)
        arguments[arguments.index('-o') + 1] = str(work / (str(len(objects)) + '.o'))
        first_include = next(i for i, a in enumerate(arguments) if a.startswith('-I'))
        arguments.insert(first_include, f'-I{work / "models"}')
        compiled = execute(arguments + ['-O1', '-g1', '-w'], cwd=build.directory)
        if compiled.returncode != 0:
            raise Bad('it does not compile: ' + compiled.stderr)
        objects.append(arguments[arguments.index('-o') + 1])
    if scenario not in stale:
        objects.insert(0, scenario)
    # The mutant's objects come before the libraries, so the originals in those are not taken.
    link, _ = build.link_of(program)
    linked = execute([link[0], *objects, *link[1:], '-o', work / 'mutant'], cwd=build.directory)
    if linked.returncode != 0:
        raise Bad('it does not link: ' + linked.stderr)
    return work / 'mutant'


def check(program, scenario, options, runs, work):
    """The last verdict, the failure and what minimising it came to."""
    options = list(options)
    if '--runs' in options:
        at = options.index('--runs')
        runs = min(runs, int(options[at + 1]))
        del options[at:at + 2]
    work.mkdir(parents=True, exist_ok=True)
    database = work / 'failures.db'
    for leftover in work.glob('failures.db*'):
        leftover.unlink()
    command = [program, 'check', scenario, '--runs', runs, '--json', '--db', database, '--trace-out', work / 'trace.json', *options]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=work,
                               start_new_session=True)
    try:
        output, errors = process.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its workers too
        process.communicate()
        raise Bad(f'no verdict in {SECONDS_MAX} s') from None
    events = {event['event']: event for event in map(json.loads, output.splitlines())}
    if process.returncode not in (0, 1) or not {'held', 'failed'} & events.keys():
        raise Bad(f'exit {process.returncode}: {output}{errors}')
    return events


def regress(program, trace, verdict):
    """Replays a kept trace, of which this is to be said."""
    process = execute([program, 'regress', trace], timeout=SECONDS_MAX)
    if not re.search(rf'^1 {verdict}|, 1 {verdict}', process.stdout, re.MULTILINE):
        raise Bad(f'{trace.relative_to(ROOT)} was to be "{verdict}": {process.stdout}{process.stderr}')


def judge(build, mutant, runs, keep):
    row = {'mutant': mutant.name, 'catalogue': mutant.fields['Catalogue'], 'killer': ' '.join([mutant.killer, *mutant.options])}
    work = build.directory / 'mutants' / mutant.name
    started = time.monotonic()
    try:
        program = build_mutant(build, mutant, work)
        row['seconds_to_build'] = round(time.monotonic() - started, 2)
        events = check(program, mutant.killer, mutant.options, runs, work)
        if keep and 'failed' in events:
            shutil.copy(work / 'trace.json', mutant.kept)
        if mutant.kept.exists():
            regress(program, mutant.kept, 'still fail')
    except Bad as bad:
        return row | {'verdict': 'BROKEN', 'finding': str(bad)}
    verdict = events.get('failed') or events['held']
    row |= {'executions': verdict['executions'], 'seconds': round(verdict['seconds'], 3)}
    expected = mutant.fields.get('Finding')
    if 'failed' not in events:
        return row | {'verdict': 'equivalent' if expected is None else 'SURVIVED', 'finding': ''}
    failure = events['failure']
    row['finding'] = f'{failure["kind"]}: {failure["message"]}'
    row['strategy'] = failure['strategy']  # which member of the portfolio
    if 'minimized' in events:
        row['trace'] = events['minimized']['after']
    right = expected is not None and expected in row['finding']
    (work / 'mutant').unlink()
    return row | {'verdict': 'killed' if right else 'OTHERWISE'}


def control(build, killer, runs, kept):
    scenario, *options = killer.split()
    row = {'mutant': '(none)', 'catalogue': '', 'killer': killer}
    try:
        program = build.directory / build.link_of(build.program_of(scenario))[1]
        events = check(program, scenario, options, runs, build.directory / 'mutants' / 'control' / killer.replace('/', '_'))
        for trace in kept:
            regress(program, trace, 'fixed')
    except Bad as bad:
        return row | {'verdict': 'BROKEN', 'finding': str(bad)}
    verdict = events.get('failed') or events['held']
    finding = events['failure']['message'] if 'failed' in events else ''
    return row | {'verdict': 'FAILS' if finding else 'holds', 'finding': finding, 'executions': verdict['executions'],
                  'seconds': round(verdict['seconds'], 3)}


def line_of(row):
    trace = row.get('trace')
    length = f'{trace["steps"]} steps, {trace["preemptions"]} preemptions' if trace else ''
    killer = row['killer'].split()[0]
    return (f'{row["verdict"]:10} {row["mutant"]:38} {row["catalogue"]:24} {killer:24} {row.get("strategy", ""):11} '
            f'{row.get("executions", ""):>6} {row.get("seconds", ""):>8} s  {length}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('filter', nargs='*', help='only mutants whose component/name contains one of these')
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build' / 'release', help='an up-to-date build')
    parser.add_argument('--runs', type=int, default=10_000, help='executions to kill each in (10000)')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--sample', action='store_true', help='the first mutant of each component only')
    parser.add_argument('--keep', action='store_true', help='write the minimised traces to results/mutants/')
    parser.add_argument('--json', type=pathlib.Path, help='write the table there as well')
    parser.add_argument('--verbose', action='store_true', help='print what each died of')
    options = parser.parse_args()

    started = time.monotonic()
    mutants = [Mutant(path) for path in sorted((ROOT / 'tests' / 'mutants').glob('*/*.patch'))]
    stale = [m.name for m in mutants if execute(['patch', '-p1', '--dry-run', '--silent', '-f', '-d', ROOT, '-i', m.path]).returncode != 0]
    if stale:  # of all, whatever is run
        raise SystemExit('no longer apply to the sources: ' + ' '.join(stale))
    if options.sample:
        mutants = list({mutant.path.parent: mutant for mutant in reversed(mutants)}.values())[::-1]
    mutants = [m for m in mutants if not options.filter or any(part in m.name for part in options.filter)]
    if not mutants:
        raise SystemExit('no such mutant')
    build = Build(options.build.resolve())
    killers = sorted({' '.join([m.killer, *m.options]) for m in mutants})
    rows = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(judge, build, mutant, options.runs, options.keep) for mutant in mutants]
        for killer in killers:
            kept = [m.kept for m in mutants if m.kept.exists() and ' '.join([m.killer, *m.options]) == killer]
            futures.append(pool.submit(control, build, killer, options.runs, kept))
        for future in futures:
            row = future.result()
            rows.append(row)
            if row['verdict'] == 'holds' and not options.verbose:
                continue
            print(line_of(row))
            if row['finding'] and (options.verbose or row['verdict'] not in ('killed', 'holds')):
                print('           ' + row['finding'].strip().replace('\n', '\n           '))
            sys.stdout.flush()
    count = collections.Counter(row['verdict'] for row in rows)
    of_mutants = len(mutants) - count['equivalent']
    print(f'{count["killed"]} of {of_mutants} mutants killed within {options.runs} executions each, {count["equivalent"]} equivalent; '
          f'without a mutant {count["holds"]} of {len(killers)} scenarios hold; {time.monotonic() - started:.0f} s')
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return 0 if count['killed'] == of_mutants and count['holds'] == len(killers) else 1


if __name__ == '__main__':
    sys.exit(main())
