# doxygen-filter.awk: a header as Doxygen wants to see it. The headers' comments are prose for who
# opens them; here each becomes a documentation comment, names in it links, and what is indented in
# it a block that keeps its lines.
#
#   - the first comment of a file is about the file;
#   - a comment that starts a line is about what follows, one behind code about that code;
#   - "---- words ----" is a heading, and about nothing;
#   - of declarations without a line between them the first one's comment is about all;
#   - what has none is told of where its file begins.

function escaped(text) {
  gsub(/\\/, "\\\\", text)
  gsub(/@/, "\\@", text)
  gsub(/</, "\\\\&", text) # "\<"
  gsub(/>/, "\\\\&", text)
  gsub(/%/, "\\\\&", text)
  gsub(/#/, "\\\\&", text)
  gsub(/--/, "\\\\--", text) # else a dash
  return text
}

# Names of ours that stand whole, "gmux_call_free" but not "gmux_call_*" or "_wait".
function linked(text, out, name, rest, before) {
  while (match(text, /(gmux|GMUX)_[A-Za-z0-9_]*[A-Za-z0-9]/)) {
    name = substr(text, RSTART, RLENGTH)
    out = out substr(text, 1, RSTART - 1)
    rest = substr(text, RSTART + RLENGTH)
    before = RSTART == 1 ? "" : substr(text, RSTART - 1, 1)
    out = out (rest ~ /^[_*(]/ || before ~ /[A-Za-z0-9_"$]/ ? name : "#" name)
    text = rest
  }
  return out text
}

# A line inside a comment, without its decoration.
function prose(text) {
  if (text ~ /^  +[^ ]/) {
    if (!is_block) print "@verbatim"
    is_block = 1
    return text
  }
  if (is_block) print "@endverbatim"
  is_block = 0
  return linked(escaped(text))
}

function close_block() {
  if (is_block) print "@endverbatim"
  is_block = 0
}

# The comment that starts in `text` (behind its opening); `opening` is what Doxygen shall see.
function comment(opening, text, at) {
  at = index(text, "*/")
  if (at) {
    print opening linked(escaped(substr(text, 1, at - 1))) " */" substr(text, at + 2)
    return
  }
  print opening linked(escaped(text))
  is_comment = 1
}

FNR == 1 { is_first_page = FILENAME ~ /\/gmux\.h$/ }

is_comment {
  at = index($0, "*/")
  text = at ? substr($0, 1, at - 1) : $0
  if (!sub(/^ *\* ?/, "", text)) sub(/^ +/, "", text) # behind code they have no star
  if (at) {
    if (text !~ /^ *$/) print prose(text)
    close_block()
    print " */" substr($0, at + 2)
    is_comment = 0
  } else {
    print prose(text)
  }
  next
}

# What starts at the margin and has no comment.
/^(typedef|enum|GMUX_API|#define GMUX)/ && !/_H$/ && !is_told {
  if (last == "")
    print "/** See the beginning of this file. */"
  else
    print "/** As " last ", above. */"
}
/^(typedef|enum|GMUX_API|#define GMUX)/ {
  match($0, /gmux_[a-z0-9_]+\(/)
  last = RSTART ? "#" substr($0, RSTART, RLENGTH - 1) : "the one"
}
/^$/ { last = "" }
{ is_told = 0 }

/^ *\/\* ----/ && /\*\// { print; next }
/^ *\/\*/ {
  text = $0
  sub(/^ *\/\*/, "", text)
  comment(has_file++ ? "/**" : is_first_page ? "/** @mainpage gmux\n" : "/** @file\n", text)
  is_told = 1
  next
}
/\/\*/ && !/^struct / {
  at = index($0, "/*")
  printf "%s", substr($0, 1, at - 1)
  comment("/**<", substr($0, at + 2))
  next
}
{ print }
