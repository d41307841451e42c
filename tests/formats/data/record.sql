BEGIN TRANSACTION;
CREATE TABLE held (
  descriptor TEXT NOT NULL, channel TEXT NOT NULL, PRIMARY KEY (descriptor, channel)
) WITHOUT ROWID;
INSERT INTO "held" VALUES('sha256:5b7c4a8566d95756d44efa8abef7b0fb4c8640e7dc01436668183f5846d15673','edge');
INSERT INTO "held" VALUES('sha256:5f40b66a2f875abc3e6c8be8218335511fbfe91a2c37e3857d8f8a1e7bd329a7','edge');
INSERT INTO "held" VALUES('sha256:6d6eddf252f545de359314098634f86c49aedcfec68efdd2d71b45d1f6bbe011','edge');
INSERT INTO "held" VALUES('sha256:9fbad061eefe2d3eecc98bf1c5b9a46520d65624e27b1fd77ccd697acf35f11c','edge');
INSERT INTO "held" VALUES('sha256:cb733689e84acb04f0dce816a4fbb9d0450257923456b13dc04c68426275f45e','edge');
CREATE TABLE last_held (
  channel TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, revision INTEGER NOT NULL, build INTEGER NOT NULL,
  PRIMARY KEY (channel, name)
) WITHOUT ROWID;
INSERT INTO "last_held" VALUES('edge','jq','1.0',1,1);
INSERT INTO "last_held" VALUES('edge','jq-doc','1.0',1,1);
INSERT INTO "last_held" VALUES('edge','web','1.0',1,1);
INSERT INTO "last_held" VALUES('edge','zlib','1.0',1,1);
CREATE TABLE newest_taken (
  channel TEXT NOT NULL, their_channel TEXT NOT NULL, name TEXT NOT NULL, root TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (channel, their_channel, name)
) WITHOUT ROWID;
INSERT INTO "newest_taken" VALUES('edge','edge','other.example','sha256:99dcaff51d212704d8842c2571ff5521e05e7230a1aa097f45724e1a4280a404',1);
INSERT INTO "newest_taken" VALUES('edge','edge','other.example/openssl','sha256:99dcaff51d212704d8842c2571ff5521e05e7230a1aa097f45724e1a4280a404',1);
INSERT INTO "newest_taken" VALUES('edge','edge','other.example/say','sha256:99dcaff51d212704d8842c2571ff5521e05e7230a1aa097f45724e1a4280a404',1);
CREATE TABLE published (
  name TEXT NOT NULL, version TEXT NOT NULL, revision INTEGER NOT NULL, build INTEGER NOT NULL, tree TEXT NOT NULL,
  PRIMARY KEY (name, version, revision, build, tree)
) WITHOUT ROWID;
INSERT INTO "published" VALUES('jq','1.0',1,1,'sha256:babb58d2521e46f73033d4dfaf3e36376ab188b2f71284ad71e14d817a9e4c64');
INSERT INTO "published" VALUES('jq','2.0',1,1,'sha256:d43c726ac1f2160001cb8708b5035265b7cdcdf6479bfa5f816e10c1154a9f59');
INSERT INTO "published" VALUES('jq-doc','1.0',1,1,'sha256:bfc0604542b9456199855f2afd20f9f57ac3c4b52247cc239e4eec187430835f');
INSERT INTO "published" VALUES('web','1.0',1,1,'sha256:4bf9bb5eca67669a07fcd473808f1b2fcb822af6e5b59119999d38c5802cf904');
INSERT INTO "published" VALUES('zlib','1.0',1,1,'sha256:aaaf793ca6ee780dcb253f9fc30de72bbf82dbe2928c527c0925a60fca0f5faa');
CREATE TABLE seen (channel TEXT NOT NULL PRIMARY KEY, release TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "seen" VALUES('','');
INSERT INTO "seen" VALUES('edge','sha256:3f86f568c72b2895be067d0e87c05edc4a202dd2369aeab9a21dcd9361d91922');
INSERT INTO "seen" VALUES('edge/taken','sha256:3f86f568c72b2895be067d0e87c05edc4a202dd2369aeab9a21dcd9361d91922');
CREATE TABLE stay (
  channel TEXT NOT NULL, name TEXT NOT NULL, descriptor TEXT NOT NULL, since TEXT NOT NULL, until TEXT,
  PRIMARY KEY (channel, name)
) WITHOUT ROWID;
INSERT INTO "stay" VALUES('edge','jq','sha256:9fbad061eefe2d3eecc98bf1c5b9a46520d65624e27b1fd77ccd697acf35f11c','2026-01-02T03:08:05+00:00',NULL);
INSERT INTO "stay" VALUES('edge','jq-doc','sha256:5f40b66a2f875abc3e6c8be8218335511fbfe91a2c37e3857d8f8a1e7bd329a7','2026-01-02T03:08:05+00:00',NULL);
INSERT INTO "stay" VALUES('edge','other.example/openssl','sha256:e9e3317e76c21fb2bbde9171559c6be4bf7f8c12ca797c049a7ee7373f35bea0','2026-01-02T03:06:05+00:00',NULL);
INSERT INTO "stay" VALUES('edge','other.example/say','sha256:91f3ea5b62b9fff0bba51222256f06588b9598170ebf79ae8b1b627f86b256ef','2026-01-02T03:06:05+00:00',NULL);
INSERT INTO "stay" VALUES('edge','web','sha256:6d6eddf252f545de359314098634f86c49aedcfec68efdd2d71b45d1f6bbe011','2026-01-02T03:06:05+00:00',NULL);
INSERT INTO "stay" VALUES('edge','zlib','sha256:5b7c4a8566d95756d44efa8abef7b0fb4c8640e7dc01436668183f5846d15673','2026-01-02T03:05:05+00:00',NULL);
COMMIT;
PRAGMA user_version = 2;
