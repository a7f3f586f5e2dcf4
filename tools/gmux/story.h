/* story.h: inside transcript.c: what -v and --json say of a call. */
#ifndef TOOL_STORY_H
#define TOOL_STORY_H

#include "tools/gmux/transcript.h"

/* -v, on standard error */
void story_request(const transcript *r);
void story_metadata(const transcript *r, const gmux_metadata *metadata);
void story_end(const transcript *r, gmux_call *call, const gmux_status *status,
               const gmux_metadata *trailers);
/* Of a status that is not OK, with or without -v. */
void story_details(const transcript *r, const gmux_status *status);

/* --json: names and values of the object that is open */
void story_json_metadata(printer *p, const char *name, const gmux_metadata *metadata);
void story_json_status(transcript *r, const gmux_status *status);
void story_json_times(transcript *r, gmux_call *call);

#endif
