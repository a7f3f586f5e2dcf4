# GMUX_MISSING(WHAT, DEBIAN-PACKAGE)
# Notes something that is not there. Nothing fails yet: a person who has to install six packages
# wants to hear of all six at once (GMUX_FAIL_IF_MISSING).
AC_DEFUN([GMUX_MISSING], [
  AS_VAR_APPEND([gmux_missing], ["
    $(printf '%-28s %s' '$1' '$2')"])
  AS_CASE([" $gmux_missing_packages "],
    [*" $2 "*], [],
    [AS_VAR_APPEND([gmux_missing_packages], [" $2"])])
])

# GMUX_PKG(VARIABLE-PREFIX, MODULE, FLOOR, DEBIAN-PACKAGE)
# A library that pkg-config knows, in at least version FLOOR (empty: any). Sets VARIABLE-PREFIX_CFLAGS
# and VARIABLE-PREFIX_LIBS.
AC_DEFUN([GMUX_PKG], [
  PKG_CHECK_MODULES([$1], [$2 m4_ifnblank([$3], [>= $3])], [],
    [GMUX_MISSING([$2 m4_ifnblank([$3], [$3 or newer])], [$4])])
])

# GMUX_FAIL_IF_MISSING
AC_DEFUN([GMUX_FAIL_IF_MISSING], [
  AS_IF([test -n "$gmux_missing"], [
    AC_MSG_ERROR([these are missing (left) and come with these Debian packages (right):
$gmux_missing

    As root:  apt-get install$gmux_missing_packages])
  ])
])

# GMUX_CFLAG(VARIABLE, FLAG...)
# Appends to VARIABLE those of the flags that the C compiler takes without complaint. A compiler only
# warns of a warning it does not know, hence -Werror for the question; and gcc is silent about an
# unknown -Wno-*, so do not ask for one here.
AC_DEFUN([GMUX_CFLAG], [
  m4_foreach_w([gmux_flag], [$2], [
    AS_VAR_PUSHDEF([gmux_cache], [gmux_cv_cflag_[]gmux_flag])
    AC_CACHE_CHECK([whether $CC takes ]gmux_flag, [gmux_cache], [
      gmux_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -Werror gmux_flag"
      AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int gmux_probe; ]])],
        [AS_VAR_SET([gmux_cache], [yes])], [AS_VAR_SET([gmux_cache], [no])])
      CFLAGS=$gmux_save_CFLAGS
    ])
    AS_VAR_IF([gmux_cache], [yes], [AS_VAR_APPEND([$1], [" gmux_flag"])])
    AS_VAR_POPDEF([gmux_cache])
  ])
])

# GMUX_LDFLAG_VERSION_SCRIPT
# Sets VERSION_SCRIPT_FLAG to the start of the linker's option, empty where there is none: hidden
# visibility alone then decides what is exported.
AC_DEFUN([GMUX_LDFLAG_VERSION_SCRIPT], [
  AC_CACHE_CHECK([whether the linker takes --version-script], [gmux_cv_version_script], [
    echo 'CONFTEST { global: main; local: *; };' >conftest.map
    gmux_save_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.map"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()], [gmux_cv_version_script=yes], [gmux_cv_version_script=no])
    LDFLAGS=$gmux_save_LDFLAGS
    rm -f conftest.map
  ])
  AS_VAR_IF([gmux_cv_version_script], [yes], [VERSION_SCRIPT_FLAG=-Wl,--version-script=])
  AC_SUBST([VERSION_SCRIPT_FLAG])
])

# GMUX_LDFLAG_SYMBOLIC
# Sets SYMBOLIC_FLAG to the linker's option by which a shared library calls its own functions
# directly, where there is one: without it each call of a gmux_* inside takes a detour through the
# procedure linkage table, so that a program could put its own in its place, which nobody may.
AC_DEFUN([GMUX_LDFLAG_SYMBOLIC], [
  AC_CACHE_CHECK([whether the linker takes -Bsymbolic-functions], [gmux_cv_symbolic], [
    gmux_save_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS -Wl,-Bsymbolic-functions"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()], [gmux_cv_symbolic=yes], [gmux_cv_symbolic=no])
    LDFLAGS=$gmux_save_LDFLAGS
  ])
  AS_VAR_IF([gmux_cv_symbolic], [yes], [SYMBOLIC_FLAG=-Wl,-Bsymbolic-functions])
  AC_SUBST([SYMBOLIC_FLAG])
])
