/* Masks what a server says beside its results: ErrorResponse and NoticeResponse (PostgreSQL 15 documentation, 55.8),
 * which quote values, and NotificationResponse. Pure functions; nothing parks.
 *
 * The fields M, D, H, W and q are texts and are masked; all others are kept. In "Key (a, b)=(x, y)" the names speak for
 * the values. The values of "Failing row contains (...)" have no names, so they are left out whole unless the plan
 * reveals all.
 *
 * Bodies are whole messages without type byte and length. Results as for row_mask_apply: never MASK_DROPPED; out is as it
 * was unless MASK_CHANGED. */
#ifndef SWORN_WIRE_POSTGRES_NOTICE_MASK_H
#define SWORN_WIRE_POSTGRES_NOTICE_MASK_H

#include "model/mask.h"

/* An ErrorResponse or a NoticeResponse. */
enum mask_result notice_mask_apply(const struct mask_plan *plan, struct str body, struct buffer *out,
                                   struct class_counts *masked, struct class_counts *revealed) MUST_USE;

/* A NotificationResponse: the payload is masked, process and channel are kept. */
enum mask_result notice_mask_notification(const struct mask_plan *plan, struct str body, struct buffer *out,
                                          struct class_counts *masked, struct class_counts *revealed) MUST_USE;

#endif
