#!/usr/bin/env python3
"""Whether NAME.chrome, NAME.sarif, NAME.junit and NAME.github say what NAME.json does, by the rules of each format."""
import json
import sys
import xml.etree.ElementTree as tree

name = sys.argv[1]
trace = json.load(open(name + '.json'))
failed = trace['finding'] is not None

chrome = json.load(open(name + '.chrome'))
steps = [e for e in chrome['traceEvents'] if e.get('cat') == 'step']
assert len(steps) == len(trace['events'])
assert [e['args']['step'] for e in steps] == [e[1] for e in trace['events']]
assert all(a['ts'] < b['ts'] for a, b in zip(steps, steps[1:])), 'steps are in order'
for event in chrome['traceEvents']:
    assert event['ph'] in 'Mibesf' and isinstance(event['pid'], int), event
    assert event['ph'] == 'M' or event['ts'] >= 0
for begin, end in ('be', 'sf'):
    begun = {e['id']: e['ts'] for e in chrome['traceEvents'] if e['ph'] == begin}
    ended = {e['id']: e['ts'] for e in chrome['traceEvents'] if e['ph'] == end}
    assert begun.keys() == ended.keys()
    assert all(begun[i] <= ended[i] for i in begun)
threads = [e for e in chrome['traceEvents'] if e.get('name') == 'thread_name']
assert [e['args']['name'] for e in threads] == trace['tasks']

sarif = json.load(open(name + '.sarif'))
assert sarif['version'] == '2.1.0' and sarif['$schema'].endswith('sarif-2.1.0.json')
(run,) = sarif['runs']
rules = [rule['id'] for rule in run['tool']['driver']['rules']]
assert len(run['results']) == failed
for result in run['results']:
    assert result['ruleId'] in rules and result['level'] == 'error' and trace['finding']['message'] in result['message']['text']
    for location in result['locations']:
        physical = location['physicalLocation']
        assert physical['region']['startLine'] >= 1 and not set(physical['artifactLocation']['uri']) & set(' <>"')
    flows = [flow for code in result['codeFlows'] for flow in code['threadFlows']]
    orders = [at['executionOrder'] for flow in flows for at in flow['locations']]
    assert len(orders) == len(set(orders)) and all(flow['locations'] for flow in flows)
    assert all(a['executionOrder'] < b['executionOrder'] for flow in flows for a, b in zip(flow['locations'], flow['locations'][1:]))
    assert len(result['stacks']) == len(trace['finding']['places'])

suite = tree.parse(name + '.junit').getroot()
(case,) = suite.findall('testcase')
assert (case.find('failure') is not None) == failed and suite.get('failures') == str(int(failed))

github = open(name + '.github').read()
assert github.startswith('::error ') == failed and github.count('\n') == failed
