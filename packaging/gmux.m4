# gmux.m4: for programs that are built with autoconf and automake, and have .proto files of their own.
#
#   configure.ac:   PKG_CHECK_MODULES([GMUX], [gmux libprotobuf-c])
#                   GMUX_PROTOC
#
#   Makefile.am:    @GMUX_PROTOC_RULES@
#                   bin_PROGRAMS = app
#                   app_SOURCES = app.c greeter.proto
#                   nodist_app_SOURCES = greeter.pb-c.c greeter.gmux.c
#                   app_CFLAGS = $(GMUX_CFLAGS)
#                   app_LDADD = $(GMUX_LIBS)
#                   BUILT_SOURCES = greeter.pb-c.h greeter.gmux.h
#                   CLEANFILES = greeter.pb-c.c greeter.pb-c.h greeter.gmux.c greeter.gmux.h
#
# GMUX_PROTOC_FLAGS, GMUX_PROTOC_OPTIONS: set them in Makefile.am to what protoc is to be told beside
# (-I$(srcdir)/proto), and to what stands behind --gmux_opt= (only=client).

# GMUX_PROTOC
# Finds protoc, and the plugins of protobuf-c and gmux, which the user can name: PROTOC,
# PROTOC_GEN_C, PROTOC_GEN_GMUX. Ends configure, in words, where one is missing. Makes
# GMUX_PROTOC_RULES: of foo.proto come foo.pb-c.c, foo.pb-c.h, foo.gmux.c and foo.gmux.h.
AC_DEFUN([GMUX_PROTOC], [
  AC_REQUIRE([AC_PROG_MKDIR_P])
  AC_ARG_VAR([PROTOC], [the compiler of .proto files])
  AC_ARG_VAR([PROTOC_GEN_C], [protobuf-c's plugin of protoc])
  AC_ARG_VAR([PROTOC_GEN_GMUX], [gmux's plugin of protoc])
  AC_PATH_PROG([PROTOC], [protoc])
  AC_PATH_PROG([PROTOC_GEN_C], [protoc-gen-c])
  AC_PATH_PROG([PROTOC_GEN_GMUX], [protoc-gen-gmux])
  AS_IF([test -z "$PROTOC"],
    [AC_MSG_ERROR([protoc is missing (Debian: protobuf-compiler)])])
  AS_IF([test -z "$PROTOC_GEN_C"],
    [AC_MSG_ERROR([protoc-gen-c is missing (Debian: protobuf-c-compiler)])])
  AS_IF([test -z "$PROTOC_GEN_GMUX"],
    [AC_MSG_ERROR([protoc-gen-gmux is missing: it comes with gmux; is gmux's bin folder in PATH?])])
  AC_SUBST([GMUX_PROTOC_RULES], ['
.SUFFIXES: .proto .pb-c.c .pb-c.h .gmux.c .gmux.h
.proto.pb-c.c:
	$(MKDIR_P) $(@D) && $(PROTOC) --plugin=protoc-gen-c=$(PROTOC_GEN_C) \
	  -I`dirname $<` $(GMUX_PROTOC_FLAGS) --c_out=$(@D) $<
.proto.gmux.c:
	$(MKDIR_P) $(@D) && $(PROTOC) --plugin=protoc-gen-gmux=$(PROTOC_GEN_GMUX) \
	  -I`dirname $<` $(GMUX_PROTOC_FLAGS) --gmux_out=$(GMUX_PROTOC_OPTIONS):$(@D) $<
.pb-c.c.pb-c.h .gmux.c.gmux.h:
	@test -f $@ || { rm -f $< && $(MAKE) $(AM_MAKEFLAGS) $<; }'])
  m4_ifdef([AM_SUBST_NOTMAKE], [AM_SUBST_NOTMAKE([GMUX_PROTOC_RULES])])
])
