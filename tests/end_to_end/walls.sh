#!/usr/bin/env bash
# The walls of the house: models/ knows nothing of the simulator, and lower rooms nothing of higher ones.
set -u
cd "$1" || exit 1
bad=0
complain() { echo "walls: $1"; bad=1; }
grep -rnE '#include *[<"](foreseed|sim|properties|scenarios)/' models && complain "models/ includes the simulator"
grep -rnE '^ *# *if(n?def)?\b.*(SIM|FORESEED|TEST|MUTANT)' models && complain "models/ has a test switch"
# AU10: what a stranger guesses at is compared in constant time.
grep -rnE '\bmemcmp\(|\b(signature|mac|hash->|expected->?)[a-z_>.-]* *[!=]= ' models/services/jwt_key.cc models/workflow && complain "compare by CRYPTO_memcmp"
for secret in services/jwt_key.cc workflow/password.cc workflow/totp.cc; do
  grep -q 'CRYPTO_memcmp(' "models/$secret" || complain "models/$secret does not compare in constant time"
done
includes() { grep -rnE "#include \"($2)/" "sim/$1" && complain "sim/$1 must not include $2"; }
includes choice 'kernel|sync|memory|net|intercept|trace|campaign|cli'
includes kernel 'sync|memory|net|intercept|trace|campaign|cli'
includes sync 'memory|net|trace|campaign|cli'
includes memory 'net|intercept|trace|campaign|cli'
includes net 'memory|files|intercept|trace|campaign|cli'
includes check 'memory|net|intercept|trace|report|campaign|cli'
includes explore 'sync|memory|net|fault|files|io|check|intercept|trace|report|campaign|cli'
includes trace 'sync|memory|net|intercept|report|campaign|cli'
includes campaign 'sync|memory|net|intercept|cli'
grep -rnE 'std::(uniform_(int|real)|normal|bernoulli|exponential|lognormal|discrete)_distribution|std::shuffle|std::rand\b' \
  sim scenarios && complain "sampling that differs between standard libraries"
exit $bad
