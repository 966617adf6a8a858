#!/usr/bin/env python3
"""Precision and recall of the detector per class on the labelled sets of ../shared/pii, as a Markdown table.

    detect_eval.py BUILD/tests/bench/detect_eval [--show CLASS] [--data DIR]

A span is right when it overlaps a label of its class; "exact" counts equal offsets. Labels that sworn has no class for
(names, places, organisations, dates) are left out of recall; a span on one of them counts as wrong."""
import argparse
import collections
import json
import pathlib
import subprocess

LABELS = {'CREDIT_CARD': 'card_number', 'PHONE': 'phone', 'EMAIL': 'email', 'US_SSN': 'us_ssn', 'IBAN': 'iban',
          'IP': 'ip_address', 'SECRET': 'credential'}
# What one label of the secrets' set may be called by us.
EQUAL = {'jwt': 'credential', 'private_key': 'credential', 'url_password': 'credential'}


def overlaps(a, b):
    return a[0] < b[1] and b[0] < a[1]


def run(program, path):
    lines = path.read_bytes()
    out = subprocess.run([program], input=lines, stdout=subprocess.PIPE, check=True).stdout
    records = [json.loads(line) for line in lines.splitlines()]
    return zip(records, [json.loads(line)['spans'] for line in out.splitlines()])


def judge(program, paths, show):
    rows = collections.defaultdict(collections.Counter)
    for path in paths:
        is_secrets = path.name.startswith('secrets')
        for record, spans in run(program, path):
            wanted = [(s, e, LABELS[label]) for s, e, label, *_ in record['spans'] if label in LABELS]
            is_hard_case = is_secrets and record['id'].startswith('gltp')
            for start, end, name in wanted:
                row = rows[path.stem, name]
                row['labels'] += 1
                same = [s for s in spans if overlaps(s, (start, end))
                        and (EQUAL.get(s[2], s[2]) if is_secrets else s[2]) == name]
                row['found'] += bool(same)
                row['exact'] += any((s[0], s[1]) == (start, end) for s in same)
                if not same and show == name:
                    print('MISSED', path.stem, repr(record['text'][max(0, start - 40):end + 20]))
            if is_hard_case:
                row = rows[path.stem, 'credential (unlabelled positives)']
                row['labels'] += 1
                row['found'] += bool(spans)
                continue
            for span in spans:
                name = EQUAL.get(span[2], span[2]) if is_secrets else span[2]
                row = rows[path.stem, name]
                row['spans'] += 1
                right = any(overlaps(span, w) and w[2] == name for w in wanted)
                row['right'] += right
                if not right and show == name:
                    print('WRONG', path.stem, repr(record['text'][max(0, span[0] - 40):span[1] + 20]), span)
    return rows


def ratio(part, whole):
    return f'{part / whole:.3f}' if whole else '-'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('--data', default=str(pathlib.Path(__file__).resolve().parents[3] / 'shared' / 'pii'))
    parser.add_argument('--show')
    arguments = parser.parse_args()
    rows = judge(arguments.program, sorted(pathlib.Path(arguments.data).glob('*.jsonl')), arguments.show)
    print('| set | class | labels | spans | precision | recall | exact |')
    print('|---|---|---|---|---|---|---|')
    for (stem, name), row in sorted(rows.items()):
        print(f"| {stem} | {name} | {row['labels']} | {row['spans']} | {ratio(row['right'], row['spans'])} "
              f"| {ratio(row['found'], row['labels'])} | {ratio(row['exact'], row['labels'])} |")


if __name__ == '__main__':
    main()
