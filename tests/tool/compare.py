"""compare.py DIRECTORY MESSAGE: made-up messages through our codec (convert) and json_format.

Three ways have to end at the same message: bytes that we made JSON of, read by Python; bytes that
Python made JSON of, read by us; and both JSONs, compared as values.
"""
import json
import math
import struct
import subprocess
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

ROUNDS = 300

directory, wanted = sys.argv[1:]
with open(f'{directory}/tool.protoset', 'rb') as file:
    files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
factory = message_factory.MessageFactory(pool)
convert = subprocess.Popen([f'{directory}/convert', f'{directory}/tool.protoset'],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Refused(Exception):
    pass


def ask(what, message, rest):
    convert.stdin.write(f'{what} {message} {rest}\n')
    convert.stdin.flush()
    line = convert.stdout.readline().rstrip('\n')
    if line.startswith('!'):
        raise Refused(line)
    return bytes.fromhex(line)


def new(name):
    return factory.GetPrototype(pool.FindMessageTypeByName(name))()


def canonical(message):
    """Not its bytes: those within Any have maps in any order."""
    return json.dumps(json_format.MessageToDict(message, descriptor_pool=pool), sort_keys=True)


def is_same(ours, theirs):
    """Of the JSON; a float has more than one shortest form, a subnormal one many."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(is_same(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(is_same, ours, theirs))
    if isinstance(ours, float) or isinstance(theirs, float):
        return ours == theirs or (math.isclose(ours, theirs, rel_tol=1e-7, abs_tol=1e-37) and
                                  struct.pack('f', ours) == struct.pack('f', theirs))
    return type(ours) is type(theirs) and ours == theirs


def check(name, seed):
    made = ask('random', name, seed)
    message = new(name)
    message.ParseFromString(made)
    ours = ask('json', name, made.hex()).decode()
    theirs = json_format.MessageToJson(message, descriptor_pool=pool)
    if not is_same(json.loads(ours), json.loads(theirs)):
        return f'JSON: {ours}\n{theirs}'
    if 'nulls' in json.loads(ours):
        return None  # Python writes them and does not read them
    back = new(name)
    json_format.Parse(ours, back, descriptor_pool=pool)
    encoded = new(name)
    encoded.ParseFromString(ask('bytes', name, theirs.encode().hex()))
    # What Python itself makes of its own JSON: NaN has one form only there.
    same = new(name)
    json_format.Parse(theirs, same, descriptor_pool=pool)
    if canonical(back) != canonical(same):
        return f'our JSON, read by Python: {ours}\n{back}\n{same}'
    if canonical(encoded) != canonical(same):
        return f'JSON of Python, read by us: {theirs}\n{encoded}\n{same}'
    return None


REFUSALS = [
    ('all.Scalars', '{"anInt32": 2147483648}'),
    ('all.Scalars', '{"anInt32": 1.5}'),
    ('all.Scalars', '{"anInt32": "x"}'),
    ('all.Scalars', '{"aUint64": -1}'),
    ('all.Scalars', '{"aFloat": 3.5e38}'),
    ('all.Scalars', '{"aBool": "true"}'),
    ('all.Scalars', '{"aString": 1}'),
    ('all.Scalars', '{"aColour": "MAUVE"}'),
    ('all.Scalars', '{"nope": 1}'),
    ('all.Scalars', '{"aBool": true, "aBool": true}'),
    ('all.Choice', '{"number": 1, "name": "x"}'),
    ('all.Lists', '{"strings": "x"}'),
    ('all.Lists', '{"strings": [null]}'),
    ('all.Maps', '{"byString": []}'),
    ('all.Maps', '{"byBool": {"1": 1}}'),
    ('all.Maps', '{"byString": {"a": null}}'),
    ('all.Known', '{"timestamp": "1970-01-01"}'),
    ('all.Known', '{"timestamp": "1970-13-01T00:00:00Z"}'),
    ('all.Known', '{"timestamp": "1970-01-01T00:00:00z"}'),
    ('all.Known', '{"duration": "1"}'),
    ('all.Known', '{"duration": "315576000001s"}'),
    ('all.Known', '{"mask": "foo_bar"}'),
    ('all.Known', '{"any": {"a": 1}}'),
    ('all.Known', '{"any": {"@type": "x/no.Such"}}'),
    ('all.Known', '{"structure": []}'),
]


def is_refused(read):
    try:
        read()
    except (Refused, json_format.ParseError):
        return True
    return False


def check_refusal(name, text):
    if not is_refused(lambda: ask('bytes', name, text.encode().hex())):
        return f'taken by us: {text}'
    if not is_refused(lambda: json_format.Parse(text, new(name), descriptor_pool=pool)):
        return f'taken by Python: {text}'
    return None


if wanted == 'refusals':
    wrong = [check_refusal(*refusal) for refusal in REFUSALS]
else:
    wrong = [check(wanted, seed) for seed in range(1, ROUNDS + 1)]
wrong = [words for words in wrong if words]
for words in wrong[:5]:
    print(words)
convert.stdin.close()
sys.exit(1 if wrong or convert.wait() != 0 else 0)
