#!/usr/bin/env bash
# Exports, read by the tools that they are for: Graphviz, an XML parser, and the rules of SARIF and of Chrome's format.
#   export_test.sh FORESEED SOURCE
set -eu
foreseed=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 "$source/tests/report/make_traces.py" .
"$foreseed" check hasty_breaker --db r.db --trace-out hasty.json >/dev/null || [ $? -eq 1 ]
"$foreseed" run oms_iam_smoke --db r.db --trace-out held.json >/dev/null

for name in hasty held hostile everything deadlock 5000; do
  for format in chrome dot junit sarif github; do
    "$foreseed" export $name.json --format $format --out $name.$format
  done
  python3 "$source/tests/report/check_exports.py" $name
  if command -v xmllint >/dev/null; then xmllint --noout $name.junit; fi
  if command -v dot >/dev/null; then dot -Tsvg $name.dot -o $name.svg; fi
done

# Who waits for whom, as arrows.
grep -q 'wait1 -> wait2 \[label="mutex_lock mutex#2"' deadlock.dot
grep -q 'wait2 -> wait1 \[label="mutex_lock mutex#1"' deadlock.dot
grep -q 'wait0 -> wait1 \[label="thread_join one"' deadlock.dot

# check writes a JUnit report, and annotations where GitHub runs it.
status=0
GITHUB_ACTIONS=true "$foreseed" check repaired_breaker hasty_breaker --runs 50 --db r.db --junit junit/all.xml >out || status=$?
[ $status -eq 1 ]
grep -Eq '^::error file=.*quickstart\.cc,line=[0-9]+,title=foreseed%3A hasty_breaker::hasty_breaker: check failed' out
[ "$(tail -n 3 out | cut -d: -f1 | tr '\n' ' ')" = "replay trace report " ]
python3 - <<'PY'
import xml.etree.ElementTree as tree
suite = tree.parse('junit/all.xml').getroot()
assert (suite.tag, suite.get('tests'), suite.get('failures')) == ('testsuite', '2', '1'), suite.attrib
held, failed = suite.findall('testcase')
assert held.get('name') == 'repaired_breaker' and held.find('failure') is None
assert 'check failed' in failed.find('failure').get('message') and 'quickstart.cc' in failed.find('failure').text
PY
echo "exports: as their readers want them"
