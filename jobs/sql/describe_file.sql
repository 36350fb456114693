-- What was seen of a verified file; no row where it was removed meanwhile.
-- $1 object key, $2 key of the thumbnail, $3 width, $4 height, $5 when it was taken, $6 longitude, $7 latitude,
-- $8 EXIF's orientation, $9 flags.
UPDATE techdengue.evidence_file AS f
   SET thumbnail_key = $2,
       width = $3,
       height = $4,
       captured_at = $5,
       longitude = $6,
       latitude = $7,
       orientation = $8,
       flags = $9,
       described_at = now()
 WHERE f.object_key = $1 AND f.status = 'verified'
RETURNING f.object_key
