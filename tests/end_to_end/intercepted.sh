#!/usr/bin/env bash
# Of all that libc offers on threads, time, randomness, processes, signals and the network, the simulator defines each
# function, or it is named here as one that may pass through: it computes, or speaks of objects that others make.
#   intercepted.sh LIBFORESEED
set -eu
exported() { nm -D --defined-only "$1" | awk '$2 ~ /[TWi]/ { sub(/@.*/, "", $3); print $3 }' | grep -v '^_' | sort -u; }
libc=$(ldd "$1" | awk '$1 == "libc.so.6" { print $3 }')
subject='pthread|thrd_|mtx_|cnd_|tss_|sem_|time|clock|sleep|alarm|rand|sock|recv|send|poll|epoll|select|accept|bind|connect'
subject+='|listen|host|addr|fork|spawn|exec|signal|sig|kill|futex|aio_|mq_|shm|sem[gcot]|msg[gcrs]|event|notify|wait|res_|net'
subject+='|popen|system$|clone|context$|daemon|48|nice|sched_|priority|getpid|getppid|gettid|load|setenv|putenv|environ'
passes=(
  # attributes and sets: values of the program's
  'pthread_(attr|mutexattr|condattr|barrierattr|rwlockattr)_.*' 'posix_spawn(attr|_file_actions)_.*' 'pthread_[gs]etattr_default_np'
  'sig(add|del|fill|empty|and|or|ismember|isempty)set' 'sigismember' 'sig(abbrev|descr)_np' 'p?siginfo' 'psignal' 'strsignal'
  'pthread_equal' 'thrd_equal' 'sched_get_priority_(min|max)'
  # conversions
  'inet_.*' 'inet6_.*' 'ether_.*' 'asctime(_r)?|ctime(_r)?' '(gm|local)time(_r)?' 'mktime|timegm|timelocal|difftime|dysize' 'str[fp]time(_l)?'
  'wcsftime(_l)?' 'res_(dn|hn|mail|own)ok' 'res_n?mkquery' 'timespec_getres' 'copysign[fl]?' 'regexec' 're_exec'
  # generators whose state is the caller's
  '.*rand(om)?_r' '.*48_r' '(init|set)state_r'
  # tables of the machine, read from files
  '(get|set|end|put|f?get|s?get|in)(alias|fs|gr|host|mnt|net|netgr|proto|pw|rpc|serv|sg|sp|tty|ut|utx)ent(_r)?.*' '[fs]get(gr|pw|sg|sp)ent(_r)?'
  'addmntent' 'getservby(name|port)(_r)?' 'getnet(ent|grent|name)(_r)?' 'getnetby(name|addr)_r' 'gethostid' 'innetgr' 'getlogin' 'getaddrinfo'
  # of objects that have to be made first, by a function that ends the run
  'timer_(delete|getoverrun|gettime)' 'mq_(close|getattr|notify|receive|send|setattr|timedreceive|timedsend|unlink)'
  'aio_(cancel|error|init|return|suspend)(64)?' 'inotify_(add|rm)_watch' 'shm(at|ctl|dt|_unlink)' 'semctl' 'msg(ctl|rcv|snd)' 'pclose'
  'fanotify_mark' 'pthread_kill_other_threads_np' 'gai_.*' 'freeaddrinfo' 'epoll_wait_old'
  # of the calling thread's block, which is the task's
  'pthread_(setcancelstate|setcanceltype|testcancel|getconcurrency|setconcurrency|atfork|yield)' 'siglongjmp' 'sigreturn' 'sigsetjmp'
  'sigaltstack' 'sigstack' 'siginterrupt' 'siggetmask' 'sigisemptyset' 'pthread_mutex_(consistent_np|getprioceiling)'
  # what only sounds like it
  'bind_?textdomain.*' 'dladdr1?' 'tcsendbreak'
  # remote procedure calls and other relics, which open their sockets by functions that are simulated or end the run
  '(xdr|svc|clnt|pmap|authunix|authdes|authnone|key|rpc).*' 'callrpc|bindresvport|getrpcport|rtime|get_myaddress|registerrpc'
  'getnetname|host2netname|user2netname|netname2(host|user)' 'rresvport(_af)?|iruserok(_af)?|ruserok(_af)?|rexecoptions'
  'sethostname|setdomainname|sethostid|stime|vtimes|lutimes|futimes(at)?|ftime|sigvec'
)
pattern=$(IFS='|'; echo "${passes[*]}")
missing=$(comm -23 <(exported "$libc") <(exported "$1") | grep -E "$subject" | grep -vxE "$pattern" || true)
if [ -n "$missing" ]; then
  echo "libc's, and neither simulated nor said to pass through:" $missing
  exit 1
fi
echo "every function of $libc on these subjects is simulated, ends the run, or may pass through"
