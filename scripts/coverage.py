#!/usr/bin/env python3
"""Writes docs/coverage.md: what of docs/catalogue.csv is checked, and where.

An item is covered where its id stands in a comment above or inside a test, a scenario or a property. Nothing else says so,
and nothing else is kept by hand but the reasons below.

    scripts/coverage.py                      writes docs/coverage.md
    scripts/coverage.py --check              fails where it is not what would be written
    scripts/coverage.py --million OUTPUT     takes the results of scripts/million.sh into docs/million.csv first
"""
import csv
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MILLION = ROOT / "docs/million.csv"
ID = re.compile(r"\b(S[0-4]-\d+[a-z]?|(?:CB|RL|LK|AU|RB|BH|CP|SV)\d+)\b(?:\.\.(\d+)\b)?")
DEFINITION = re.compile(r"^(?:TEST|TEST_F|TEST_P|FORESEED_TEST|RC_GTEST_PROP)\((\w+),\s*(\w+)|^FORESEED_(?:SCENARIO|PROPERTY)\((\w+)|^void (check_\w+)\(")
KINDS = {
    "properties": "random parameters, schedules and faults; 200 executions a CI run",
    "scenarios": "random schedules and faults; the executions of its CI test; in `scenarios/smallest`, every interleaving ([explored.md](explored.md))",
    "tests": "what the test runs",
}
# Of what no test names: why.
BY_ITEM = {
    "S0-48": "no reactor here: a request has a thread",
    "S1-19": "pools have fixed sizes",
    "S2-11": "no tracing in the services",
    "S3-47": "no issue tracking",
    "S3-48": "no issue tracking",
    "S4-22": "a number of one machine",
    "LK14": "no PostgreSQL here",
}
REASONS = {
    "OUT": "out of scope",
    "META": "about reports and processes, not about a component",
    "": "no test names it yet",
}


def ids(text):
    """The ids in a text; S0-29..32 stands for four."""
    for match in ID.finditer(text):
        first, last = match.group(1), match.group(2)
        yield first
        if last and "-" in first:
            head, number = first.split("-")
            yield from (f"{head}-{n:02}" for n in range(int(number) + 1, int(last) + 1))


def evidence(path):
    """(id, name) for each mention in a file: of the definition below a block of comments, else of the one it is in."""
    name, above = path.stem, []
    for line in path.read_text(encoding="utf-8").splitlines():
        definition = DEFINITION.match(line)
        if definition:
            found = [part for part in definition.groups() if part]
            name = ".".join(found)
            yield from ((item, name) for item in above)
            above = []
        comment = re.match(r"\s*//(.*)" if path.suffix in (".cc", ".h") else r"#(.*)", line)
        if comment and not line.startswith(" "):
            above += list(ids(comment.group(1)))
            continue
        if line.strip() and not line.startswith("template"):
            yield from ((item, name) for item in above)
            above = []
        if any(mark in line for mark in ("//", '"', " # ")):
            yield from ((item, name) for item in ids(line))


def take_million(output):
    """Of each property the last line that says how it ended; of several runs of one, the longest."""
    known = {row["property"]: row for row in read_csv(MILLION)}
    for verdict, name, executions, seed in re.findall(r"^(held|failed|interrupted): (\w+): (\d+) executions from seed (\d+)", output, re.MULTILINE):
        if int(executions) > int(known.get(name, {"executions": 0})["executions"]):
            known[name] = {"property": name, "executions": executions, "seed": seed, "verdict": verdict}
    with open(MILLION, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["property", "executions", "seed", "verdict"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(known[name] for name in sorted(known))


def read_csv(path):
    if not path.exists():
        return []
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def last_results():
    """What a long run, or a complete search, last came to: by the name that a mention gives."""
    results = {}
    check_of = {}  # property -> the function that a mention names
    for source in (ROOT / "properties").glob("*.cc"):
        check_of |= dict(re.findall(r"FORESEED_PROPERTY\((\w+),.*?\b(check_\w+)\b", source.read_text(encoding="utf-8"), re.DOTALL))
    for row in read_csv(MILLION):
        results[check_of[row["property"]]] = f"{row['verdict']}, {int(row['executions']):,} executions"
    for row in read_csv(ROOT / "scenarios/smallest/explored.csv"):
        results[row["scenario"]] = f"holds in all {int(row['executions']):,} executions"
    return results


def main():
    if "--million" in sys.argv:
        take_million(pathlib.Path(sys.argv[sys.argv.index("--million") + 1]).read_text(encoding="utf-8"))
    covered = {}
    for room in KINDS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix not in (".cc", ".h", ".sh", ".py") or path.name.endswith("_twin.cc") or path.name == "twins.cc":
                continue
            for item, name in evidence(path):
                place = (room, str(path.relative_to(ROOT)), name)
                covered.setdefault(item, [])
                if place not in covered[item]:
                    covered[item].append(place)
    catalogue = read_csv(ROOT / "docs/catalogue.csv")
    results = last_results()
    unknown = sorted(set(covered) - {row["id"] for row in catalogue})
    lines = [
        "# Coverage",
        "",
        "Generated by `scripts/coverage.py` from `docs/catalogue.csv` and the comments of tests, scenarios and properties; a test",
        "compares it. What a mention is worth is for its test to say. In brackets: the last result of a long run (`docs/million.csv`, made",
        "by `scripts/million.sh`) or of a complete search (`scenarios/smallest/explored.csv`); the others' last results are CI's.",
        "",
        *(f"- `{room}/`: {bound}" for room, bound in KINDS.items()),
        "",
        f"{sum(row['id'] in covered for row in catalogue)} of {len(catalogue)} items are covered.",
        "",
        "| item | what | how it can be checked | where |",
        "|---|---|---|---|",
    ]
    for row in catalogue:
        places = [f"`{path}`: {name}" + (f" ({results[name]})" if name in results else "") for _, path, name in covered.get(row["id"], [])]
        why = BY_ITEM.get(row["id"]) or next(text for word, text in REASONS.items() if word in row["fit"])
        text = row["what"].replace("|", "\\|")
        fit = row["fit"].replace("|", "\\|")
        lines.append(f"| {row['id']} | {text} | {fit} | {'<br>'.join(places) or 'not covered: ' + why} |")
    lines.append("")
    text = "\n".join(lines)
    target = ROOT / "docs/coverage.md"
    if stale := BY_ITEM.keys() & covered.keys():
        sys.exit("covered, and yet with a reason why not: " + ", ".join(sorted(stale)))
    if unknown:
        sys.exit("not in docs/catalogue.csv: " + ", ".join(unknown))
    if "--check" not in sys.argv:
        target.write_text(text, encoding="utf-8")
    elif target.read_text(encoding="utf-8") != text:
        sys.exit("docs/coverage.md is out of date: run scripts/coverage.py")


main()
