#!/usr/bin/env bash
# docs/reference.md is what the command says of itself, the man page has no mistakes, and completions offer what they should.
#   reference.sh FORESEED SOURCE
set -u
foreseed=$(realpath "$1") source=$(realpath "$2")
. "$(dirname "$0")/../expect.sh"

"$foreseed" generate markdown >reference.md
diff "$source/docs/reference.md" reference.md || fail "docs/reference.md is not what \`foreseed generate markdown\` prints"
"$foreseed" generate schema >trace.schema.json
diff "$source/docs/trace.schema.json" trace.schema.json || fail "docs/trace.schema.json is not what \`foreseed generate schema\` prints"
# It takes every trace that the repository keeps, and no changed one.
python3 - "$source" <<'END' || fail "the schema and the kept traces disagree"
import copy, glob, json, sys
from jsonschema import Draft202012Validator
schema = json.load(open("trace.schema.json"))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
traces = [json.load(open(name)) for name in glob.glob(sys.argv[1] + "/results/*.json")]
assert len(traces) >= 20
for trace in traces:
    validator.validate(trace)
trace = max(traces, key=lambda one: len(one["messages"]))
def refuses(change):
    changed = copy.deepcopy(trace)
    change(changed)
    return not validator.is_valid(changed)
assert refuses(lambda t: t.update(format="other"))
assert refuses(lambda t: t.update(version=2))
assert refuses(lambda t: t.update(seed=7))
assert refuses(lambda t: t.update(truncated=0))
assert refuses(lambda t: t["events"][0].append(0))
assert refuses(lambda t: t["events"][0].__setitem__(3, "jump"))
assert refuses(lambda t: t["choices"][0].__setitem__(1, -1))
assert refuses(lambda t: t["finding"].update(kind="bad luck"))
assert refuses(lambda t: t["waits"].append(["0", 1]))
for key in schema["required"]:
    assert refuses(lambda t: t.pop(key)), key
END
"$foreseed" --help | grep -q generate && fail "generate is for the build only"

"$foreseed" generate man >foreseed.1
grep -q '^.SS foreseed check \[scenario..\] \[OPTIONS\]$' foreseed.1 || fail "the man page has no check"
if command -v man >man.path; then
  [ -z "$(LC_ALL=C.UTF-8 man --warnings -l foreseed.1 2>&1 >man.txt)" ] && [ "$(wc -l <man.txt)" -gt 100 ] || fail "the man page does not format"
fi

# bash completes VERB, its options, the values of one, and scenarios.
mkdir bin
ln -s "$foreseed" bin/foreseed
PATH=$work/bin:$PATH
complete_words() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _foreseed
  echo "${COMPREPLY[*]}"
}
"$foreseed" generate bash >completion.bash
. ./completion.bash
[ "$(complete_words foreseed mini)" = minimize ] || fail "bash: verbs: $(complete_words foreseed mini)"
[ "$(complete_words foreseed check --keep)" = --keep-going ] || fail "bash: options: $(complete_words foreseed check --keep)"
[ "$(complete_words foreseed run --memory c)" = c11 ] || fail "bash: values: $(complete_words foreseed run --memory c)"
[ "$(complete_words foreseed check naive_)" = naive_breaker ] || fail "bash: scenarios: $(complete_words foreseed check naive_)"

"$foreseed" generate zsh >_foreseed
"$foreseed" generate fish >foreseed.fish
if command -v zsh >zsh.path; then zsh -n _foreseed || fail "zsh does not read its completion"; fi
if command -v fish >fish.path; then
  fish -n foreseed.fish || fail "fish does not read its completion"
  offered=$(fish --private -c 'source foreseed.fish; complete -C "foreseed run --memory "' | cut -f1 | tr '\n' ' ')
  [ "$offered" = "c11 sc tso " ] || fail "fish: values: $offered"
fi

ends reference
