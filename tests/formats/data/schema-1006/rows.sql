PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE advisory (
	id VARCHAR NOT NULL, 
	added_at DATETIME NOT NULL, 
	body TEXT NOT NULL, 
	severity VARCHAR NOT NULL, 
	added_by VARCHAR NOT NULL, 
	modified_at DATETIME NOT NULL, 
	withdrawn_at DATETIME, 
	CONSTRAINT pk_advisory PRIMARY KEY (id)
);
INSERT INTO "advisory" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','advisory body 0','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
CREATE TABLE advisory_package (
	package VARCHAR NOT NULL, 
	advisory VARCHAR NOT NULL, 
	CONSTRAINT pk_advisory_package PRIMARY KEY (package, advisory), 
	CONSTRAINT fk_advisory_package_advisory FOREIGN KEY(advisory) REFERENCES advisory (id)
);
INSERT INTO "advisory_package" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('1006');
CREATE TABLE approval (
	channel VARCHAR NOT NULL, 
	package VARCHAR NOT NULL, 
	curator VARCHAR NOT NULL, 
	envelope TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_approval PRIMARY KEY (channel, package, curator), 
	CONSTRAINT fk_approval_channel FOREIGN KEY(channel) REFERENCES channel (name)
);
INSERT INTO "approval" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','approval envelope 0','2026-01-02 03:04:05.000000');
CREATE TABLE attempt (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	worker VARCHAR NOT NULL, 
	token_digest VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	log_digest VARCHAR NOT NULL, 
	error_code VARCHAR NOT NULL, 
	trouble VARCHAR NOT NULL, 
	attestation VARCHAR NOT NULL, 
	tester VARCHAR NOT NULL, 
	claimed_at DATETIME NOT NULL, 
	heartbeat_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	log_size BIGINT NOT NULL, 
	error TEXT NOT NULL, 
	outcome TEXT NOT NULL, first_error TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_attempt PRIMARY KEY (id), 
	CONSTRAINT ck_attempt_state CHECK (state IN ('leased', 'running', 'succeeded', 'failed', 'lost', 'released', 'cancelled')), 
	CONSTRAINT uq_attempt_job_id_number UNIQUE (job_id, number), 
	CONSTRAINT fk_attempt_job_id FOREIGN KEY(job_id) REFERENCES job (id), 
	CONSTRAINT fk_attempt_worker FOREIGN KEY(worker) REFERENCES worker (name), 
	CONSTRAINT uq_attempt_token_digest UNIQUE (token_digest)
);
INSERT INTO "attempt" VALUES(1000,1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'leased','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000',1000,'attempt error 0','attempt outcome 0','attempt first_error 0');
INSERT INTO "attempt" VALUES(1001,1001,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00',1001,'running','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000',1001,'attempt error 1','attempt outcome 1','attempt first_error 1');
INSERT INTO "attempt" VALUES(1002,1002,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00',1002,'succeeded','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000',1002,'attempt error 2','attempt outcome 2','attempt first_error 2');
INSERT INTO "attempt" VALUES(1003,1003,'2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00',1003,'failed','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000',1003,'attempt error 3','attempt outcome 3','attempt first_error 3');
INSERT INTO "attempt" VALUES(1004,1004,'2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00',1004,'lost','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000',1004,'attempt error 4','attempt outcome 4','attempt first_error 4');
INSERT INTO "attempt" VALUES(1005,1005,'2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00',1005,'released','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000',1005,'attempt error 5','attempt outcome 5','attempt first_error 5');
INSERT INTO "attempt" VALUES(1006,1006,'2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00',1006,'cancelled','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000',1006,'attempt error 6','attempt outcome 6','attempt first_error 6');
CREATE TABLE attestation (
	package VARCHAR NOT NULL, 
	built_by VARCHAR NOT NULL, 
	attempt_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	provenance VARCHAR NOT NULL, 
	provenance_size BIGINT NOT NULL, 
	CONSTRAINT pk_attestation PRIMARY KEY (package, built_by), 
	CONSTRAINT fk_attestation_package FOREIGN KEY(package) REFERENCES package (digest), 
	CONSTRAINT fk_attestation_built_by FOREIGN KEY(built_by) REFERENCES worker (name), 
	CONSTRAINT fk_attestation_attempt_id FOREIGN KEY(attempt_id) REFERENCES attempt (id)
);
INSERT INTO "attestation" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00',1000);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	actor VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
	trace VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	allowed BOOLEAN NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1,'audit detail 0');
CREATE TABLE candidate (
	id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	trace VARCHAR NOT NULL, 
	set_digest VARCHAR NOT NULL, 
	origin VARCHAR NOT NULL, 
	from_channel VARCHAR NOT NULL, 
	testers_mark VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	base_number INTEGER NOT NULL, 
	from_number INTEGER NOT NULL, 
	tests_mark INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	decided_at DATETIME, 
	CONSTRAINT pk_candidate PRIMARY KEY (id), 
	CONSTRAINT ck_candidate_origin CHECK (origin IN ('collected', 'promotion', 'rollback', 'retry')), 
	CONSTRAINT ck_candidate_state CHECK (state IN ('open', 'passed', 'refused', 'released', 'superseded')), 
	CONSTRAINT fk_candidate_channel FOREIGN KEY(channel) REFERENCES channel (name)
);
INSERT INTO "candidate" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','collected','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','open',1000,1000,1000,'candidate reason 0','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
INSERT INTO "candidate" VALUES(1001,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','promotion','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','refused',1001,1001,1001,'candidate reason 1','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000');
INSERT INTO "candidate" VALUES(1002,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','rollback','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','released',1002,1002,1002,'candidate reason 2','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000');
INSERT INTO "candidate" VALUES(1003,'2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','retry','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','superseded',1003,1003,1003,'candidate reason 3','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000');
CREATE TABLE candidate_change (
	candidate_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	"before" VARCHAR, 
	"after" VARCHAR, 
	atom VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	CONSTRAINT pk_candidate_change PRIMARY KEY (candidate_id, name), 
	CONSTRAINT ck_candidate_change_state CHECK (state IN ('wanted', 'accepted', 'held', 'waiting')), 
	CONSTRAINT fk_candidate_change_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id), 
	CONSTRAINT fk_candidate_change_before FOREIGN KEY("before") REFERENCES package (digest), 
	CONSTRAINT fk_candidate_change_after FOREIGN KEY("after") REFERENCES package (digest)
);
INSERT INTO "candidate_change" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','wanted');
INSERT INTO "candidate_change" VALUES(1001,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','accepted');
INSERT INTO "candidate_change" VALUES(1002,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','held');
INSERT INTO "candidate_change" VALUES(1003,'2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','waiting');
CREATE TABLE candidate_import (
	candidate_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	"before" VARCHAR, 
	"after" VARCHAR, 
	atom VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	CONSTRAINT pk_candidate_import PRIMARY KEY (candidate_id, name), 
	CONSTRAINT ck_candidate_import_state CHECK (state IN ('wanted', 'accepted', 'held', 'waiting')), 
	CONSTRAINT fk_candidate_import_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id)
);
INSERT INTO "candidate_import" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','wanted');
INSERT INTO "candidate_import" VALUES(1001,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','accepted');
INSERT INTO "candidate_import" VALUES(1002,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','held');
INSERT INTO "candidate_import" VALUES(1003,'2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','waiting');
CREATE TABLE candidate_pin (
	candidate_id INTEGER NOT NULL, 
	distribution VARCHAR NOT NULL, 
	release_id INTEGER NOT NULL, 
	CONSTRAINT pk_candidate_pin PRIMARY KEY (candidate_id, distribution), 
	CONSTRAINT fk_candidate_pin_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id), 
	CONSTRAINT fk_candidate_pin_release_id FOREIGN KEY(release_id) REFERENCES imported_release (id)
);
INSERT INTO "candidate_pin" VALUES(1000,'2026-01-02 03:04:05+00:00',1000);
CREATE TABLE candidate_test (
	candidate_id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	CONSTRAINT pk_candidate_test PRIMARY KEY (candidate_id, job_id), 
	CONSTRAINT fk_candidate_test_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id), 
	CONSTRAINT fk_candidate_test_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "candidate_test" VALUES(1000,1000);
CREATE TABLE change_counter (
	id INTEGER NOT NULL, 
	newest INTEGER NOT NULL, 
	CONSTRAINT pk_change_counter PRIMARY KEY (id)
);
INSERT INTO "change_counter" VALUES(1000,1000);
CREATE TABLE channel (
	name VARCHAR NOT NULL, 
	policy TEXT NOT NULL, 
	trouble TEXT NOT NULL, 
	unsigned TEXT NOT NULL, 
	halted TEXT NOT NULL, 
	frozen_at DATETIME, 
	frozen_until DATETIME, 
	frozen_why VARCHAR NOT NULL, 
	frozen_by VARCHAR NOT NULL, 
	tests_seen INTEGER NOT NULL, 
	CONSTRAINT pk_channel PRIMARY KEY (name)
);
INSERT INTO "channel" VALUES('2026-01-02 03:04:05+00:00','channel policy 0','channel trouble 0','channel unsigned 0','channel halted 0','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000);
CREATE TABLE commit_status (
	repository VARCHAR NOT NULL, 
	"commit" VARCHAR NOT NULL, 
	context VARCHAR NOT NULL, 
	unsure BOOLEAN NOT NULL, 
	due_at DATETIME, 
	changed_at DATETIME NOT NULL, 
	state VARCHAR NOT NULL, 
	sent VARCHAR NOT NULL, 
	description TEXT NOT NULL, 
	target TEXT NOT NULL, 
	trouble TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	CONSTRAINT pk_commit_status PRIMARY KEY (repository, "commit", context), 
	CONSTRAINT fk_commit_status_repository FOREIGN KEY(repository) REFERENCES git_repository (name)
);
INSERT INTO "commit_status" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','commit_status description 0','commit_status target 0','commit_status trouble 0',1000);
CREATE TABLE comparison (
	digest VARCHAR NOT NULL, 
	job_id INTEGER, 
	package VARCHAR NOT NULL, 
	soname VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	CONSTRAINT pk_comparison PRIMARY KEY (digest), 
	CONSTRAINT fk_comparison_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "comparison" VALUES('2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','comparison body 0','comparison outcome 0');
CREATE TABLE consumed (
	package VARCHAR NOT NULL, 
	library VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	tree VARCHAR NOT NULL, 
	CONSTRAINT pk_consumed PRIMARY KEY (package, library, kind), 
	CONSTRAINT ck_consumed_kind CHECK (kind IN ('static', 'headers', 'unknown')), 
	CONSTRAINT fk_consumed_package FOREIGN KEY(package) REFERENCES package (digest)
);
INSERT INTO "consumed" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','static','2026-01-02 03:04:05+00:00');
INSERT INTO "consumed" VALUES('2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','headers','2026-01-02 03:05:05+00:00');
INSERT INTO "consumed" VALUES('2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','unknown','2026-01-02 03:06:05+00:00');
CREATE TABLE curator_order (
	id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	candidate_id INTEGER, 
	kind VARCHAR NOT NULL, 
	ordered_by VARCHAR NOT NULL, 
	detail TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	done_at DATETIME, 
	ending VARCHAR, 
	CONSTRAINT pk_curator_order PRIMARY KEY (id), 
	CONSTRAINT ck_curator_order_ending CHECK (ending IN ('released', 'refused', 'nothing-to-do', 'withdrawn')), 
	CONSTRAINT ck_curator_order_kind CHECK (kind IN ('promote', 'rollback', 'retry')), 
	CONSTRAINT fk_curator_order_channel FOREIGN KEY(channel) REFERENCES channel (name), 
	CONSTRAINT fk_curator_order_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id)
);
INSERT INTO "curator_order" VALUES(1000,'2026-01-02 03:04:05+00:00',1000,'promote','2026-01-02 03:04:05+00:00','curator_order detail 0','curator_order reason 0','curator_order outcome 0','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','released');
INSERT INTO "curator_order" VALUES(1001,'2026-01-02 03:05:05+00:00',1001,'rollback','2026-01-02 03:05:05+00:00','curator_order detail 1','curator_order reason 1','curator_order outcome 1','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','refused');
INSERT INTO "curator_order" VALUES(1002,'2026-01-02 03:06:05+00:00',1002,'retry','2026-01-02 03:06:05+00:00','curator_order detail 2','curator_order reason 2','curator_order outcome 2','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','nothing-to-do');
INSERT INTO "curator_order" VALUES(1003,'2026-01-02 03:07:05+00:00',1003,'promote','2026-01-02 03:07:05+00:00','curator_order detail 3','curator_order reason 3','curator_order outcome 3','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','withdrawn');
CREATE TABLE delivery (
	id INTEGER NOT NULL, 
	webhook_id INTEGER NOT NULL, 
	message VARCHAR NOT NULL, 
	event_id INTEGER, 
	created_at DATETIME NOT NULL, 
	due_at DATETIME NOT NULL, 
	attempts INTEGER NOT NULL, 
	CONSTRAINT pk_delivery PRIMARY KEY (id), 
	CONSTRAINT fk_delivery_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhook (id), 
	CONSTRAINT uq_delivery_message UNIQUE (message), 
	CONSTRAINT fk_delivery_event_id FOREIGN KEY(event_id) REFERENCES event (id)
);
INSERT INTO "delivery" VALUES(1000,1000,'2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000',1000);
CREATE TABLE difference (
	"plan" VARCHAR NOT NULL, 
	built_by VARCHAR NOT NULL, 
	attempt_id INTEGER NOT NULL, 
	detail TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_difference PRIMARY KEY ("plan", built_by), 
	CONSTRAINT fk_difference_plan FOREIGN KEY("plan") REFERENCES "plan" (digest), 
	CONSTRAINT fk_difference_built_by FOREIGN KEY(built_by) REFERENCES worker (name), 
	CONSTRAINT fk_difference_attempt_id FOREIGN KEY(attempt_id) REFERENCES attempt (id)
);
INSERT INTO "difference" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'difference detail 0','2026-01-02 03:04:05.000000');
CREATE TABLE event (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	kind VARCHAR NOT NULL, 
	submitter VARCHAR NOT NULL, 
	package VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	release INTEGER, 
	submission_id INTEGER, 
	job_id INTEGER, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_event PRIMARY KEY (id), 
	CONSTRAINT fk_event_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
INSERT INTO "event" VALUES(1000,'2026-01-02 03:04:05.000000','job.failed','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,1000,1000,'event detail 0');
INSERT INTO "event" VALUES(1001,'2026-01-02 03:05:05.000000','job.recovered','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00',1001,1001,1001,'event detail 1');
INSERT INTO "event" VALUES(1002,'2026-01-02 03:06:05.000000','submission.accepted','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00',1002,1002,1002,'event detail 2');
INSERT INTO "event" VALUES(1003,'2026-01-02 03:07:05.000000','submission.waiting','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00',1003,1003,1003,'event detail 3');
INSERT INTO "event" VALUES(1004,'2026-01-02 03:08:05.000000','submission.failed','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00',1004,1004,1004,'event detail 4');
INSERT INTO "event" VALUES(1005,'2026-01-02 03:09:05.000000','submission.done','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00',1005,1005,1005,'event detail 5');
INSERT INTO "event" VALUES(1006,'2026-01-02 03:10:05.000000','submission.withdrawn','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00',1006,1006,1006,'event detail 6');
INSERT INTO "event" VALUES(1007,'2026-01-02 03:11:05.000000','package.released','2026-01-02 03:11:05+00:00','2026-01-02 03:11:05+00:00','2026-01-02 03:11:05+00:00',1007,1007,1007,'event detail 7');
INSERT INTO "event" VALUES(1008,'2026-01-02 03:12:05.000000','package.held-back','2026-01-02 03:12:05+00:00','2026-01-02 03:12:05+00:00','2026-01-02 03:12:05+00:00',1008,1008,1008,'event detail 8');
CREATE TABLE excuse (
	id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	job_id INTEGER, 
	package VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	gate VARCHAR NOT NULL, 
	root VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	cleared_by VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	line TEXT NOT NULL, 
	partners TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	remedy TEXT NOT NULL, 
	under_way BOOLEAN NOT NULL, 
	since DATETIME NOT NULL, 
	until DATETIME, 
	cleared_at DATETIME, first_error TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_excuse PRIMARY KEY (id), 
	CONSTRAINT fk_excuse_channel FOREIGN KEY(channel) REFERENCES channel (name), 
	CONSTRAINT fk_excuse_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id), 
	CONSTRAINT fk_excuse_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "excuse" VALUES(1000,'2026-01-02 03:04:05+00:00',1000,1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','proof','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','excuse reason 0','excuse line 0','excuse partners 0','excuse evidence 0','excuse remedy 0',1,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','excuse first_error 0');
INSERT INTO "excuse" VALUES(1001,'2026-01-02 03:05:05+00:00',1001,1001,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','abi','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','excuse reason 1','excuse line 1','excuse partners 1','excuse evidence 1','excuse remedy 1',1,'2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','excuse first_error 1');
INSERT INTO "excuse" VALUES(1002,'2026-01-02 03:06:05+00:00',1002,1002,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','tests','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','excuse reason 2','excuse line 2','excuse partners 2','excuse evidence 2','excuse remedy 2',1,'2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','excuse first_error 2');
INSERT INTO "excuse" VALUES(1003,'2026-01-02 03:07:05+00:00',1003,1003,'2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','reproduced','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','excuse reason 3','excuse line 3','excuse partners 3','excuse evidence 3','excuse remedy 3',1,'2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','excuse first_error 3');
INSERT INTO "excuse" VALUES(1004,'2026-01-02 03:08:05+00:00',1004,1004,'2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','soak','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','excuse reason 4','excuse line 4','excuse partners 4','excuse evidence 4','excuse remedy 4',1,'2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','excuse first_error 4');
INSERT INTO "excuse" VALUES(1005,'2026-01-02 03:09:05+00:00',1005,1005,'2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','approvals','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','excuse reason 5','excuse line 5','excuse partners 5','excuse evidence 5','excuse remedy 5',1,'2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','excuse first_error 5');
INSERT INTO "excuse" VALUES(1006,'2026-01-02 03:10:05+00:00',1006,1006,'2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','licences','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','excuse reason 6','excuse line 6','excuse partners 6','excuse evidence 6','excuse remedy 6',1,'2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','excuse first_error 6');
INSERT INTO "excuse" VALUES(1007,'2026-01-02 03:11:05+00:00',1007,1007,'2026-01-02 03:11:05+00:00','2026-01-02 03:11:05+00:00','2026-01-02 03:11:05+00:00','advisories','2026-01-02 03:11:05+00:00','2026-01-02 03:11:05+00:00','2026-01-02 03:11:05+00:00','excuse reason 7','excuse line 7','excuse partners 7','excuse evidence 7','excuse remedy 7',1,'2026-01-02 03:11:05.000000','2026-01-02 03:11:05.000000','2026-01-02 03:11:05.000000','excuse first_error 7');
INSERT INTO "excuse" VALUES(1008,'2026-01-02 03:12:05+00:00',1008,1008,'2026-01-02 03:12:05+00:00','2026-01-02 03:12:05+00:00','2026-01-02 03:12:05+00:00','host','2026-01-02 03:12:05+00:00','2026-01-02 03:12:05+00:00','2026-01-02 03:12:05+00:00','excuse reason 8','excuse line 8','excuse partners 8','excuse evidence 8','excuse remedy 8',1,'2026-01-02 03:12:05.000000','2026-01-02 03:12:05.000000','2026-01-02 03:12:05.000000','excuse first_error 8');
INSERT INTO "excuse" VALUES(1009,'2026-01-02 03:13:05+00:00',1009,1009,'2026-01-02 03:13:05+00:00','2026-01-02 03:13:05+00:00','2026-01-02 03:13:05+00:00','hardening','2026-01-02 03:13:05+00:00','2026-01-02 03:13:05+00:00','2026-01-02 03:13:05+00:00','excuse reason 9','excuse line 9','excuse partners 9','excuse evidence 9','excuse remedy 9',1,'2026-01-02 03:13:05.000000','2026-01-02 03:13:05.000000','2026-01-02 03:13:05.000000','excuse first_error 9');
INSERT INTO "excuse" VALUES(1010,'2026-01-02 03:14:05+00:00',1010,1010,'2026-01-02 03:14:05+00:00','2026-01-02 03:14:05+00:00','2026-01-02 03:14:05+00:00','hold','2026-01-02 03:14:05+00:00','2026-01-02 03:14:05+00:00','2026-01-02 03:14:05+00:00','excuse reason 10','excuse line 10','excuse partners 10','excuse evidence 10','excuse remedy 10',1,'2026-01-02 03:14:05.000000','2026-01-02 03:14:05.000000','2026-01-02 03:14:05.000000','excuse first_error 10');
INSERT INTO "excuse" VALUES(1011,'2026-01-02 03:15:05+00:00',1011,1011,'2026-01-02 03:15:05+00:00','2026-01-02 03:15:05+00:00','2026-01-02 03:15:05+00:00','rolled-back','2026-01-02 03:15:05+00:00','2026-01-02 03:15:05+00:00','2026-01-02 03:15:05+00:00','excuse reason 11','excuse line 11','excuse partners 11','excuse evidence 11','excuse remedy 11',1,'2026-01-02 03:15:05.000000','2026-01-02 03:15:05.000000','2026-01-02 03:15:05.000000','excuse first_error 11');
INSERT INTO "excuse" VALUES(1012,'2026-01-02 03:16:05+00:00',1012,1012,'2026-01-02 03:16:05+00:00','2026-01-02 03:16:05+00:00','2026-01-02 03:16:05+00:00','older','2026-01-02 03:16:05+00:00','2026-01-02 03:16:05+00:00','2026-01-02 03:16:05+00:00','excuse reason 12','excuse line 12','excuse partners 12','excuse evidence 12','excuse remedy 12',1,'2026-01-02 03:16:05.000000','2026-01-02 03:16:05.000000','2026-01-02 03:16:05.000000','excuse first_error 12');
INSERT INTO "excuse" VALUES(1013,'2026-01-02 03:17:05+00:00',1013,1013,'2026-01-02 03:17:05+00:00','2026-01-02 03:17:05+00:00','2026-01-02 03:17:05+00:00','dependents','2026-01-02 03:17:05+00:00','2026-01-02 03:17:05+00:00','2026-01-02 03:17:05+00:00','excuse reason 13','excuse line 13','excuse partners 13','excuse evidence 13','excuse remedy 13',1,'2026-01-02 03:17:05.000000','2026-01-02 03:17:05.000000','2026-01-02 03:17:05.000000','excuse first_error 13');
INSERT INTO "excuse" VALUES(1014,'2026-01-02 03:18:05+00:00',1014,1014,'2026-01-02 03:18:05+00:00','2026-01-02 03:18:05+00:00','2026-01-02 03:18:05+00:00','transition','2026-01-02 03:18:05+00:00','2026-01-02 03:18:05+00:00','2026-01-02 03:18:05+00:00','excuse reason 14','excuse line 14','excuse partners 14','excuse evidence 14','excuse remedy 14',1,'2026-01-02 03:18:05.000000','2026-01-02 03:18:05.000000','2026-01-02 03:18:05.000000','excuse first_error 14');
INSERT INTO "excuse" VALUES(1015,'2026-01-02 03:19:05+00:00',1015,1015,'2026-01-02 03:19:05+00:00','2026-01-02 03:19:05+00:00','2026-01-02 03:19:05+00:00','build','2026-01-02 03:19:05+00:00','2026-01-02 03:19:05+00:00','2026-01-02 03:19:05+00:00','excuse reason 15','excuse line 15','excuse partners 15','excuse evidence 15','excuse remedy 15',1,'2026-01-02 03:19:05.000000','2026-01-02 03:19:05.000000','2026-01-02 03:19:05.000000','excuse first_error 15');
INSERT INTO "excuse" VALUES(1016,'2026-01-02 03:20:05+00:00',1016,1016,'2026-01-02 03:20:05+00:00','2026-01-02 03:20:05+00:00','2026-01-02 03:20:05+00:00','released-tests','2026-01-02 03:20:05+00:00','2026-01-02 03:20:05+00:00','2026-01-02 03:20:05+00:00','excuse reason 16','excuse line 16','excuse partners 16','excuse evidence 16','excuse remedy 16',1,'2026-01-02 03:20:05.000000','2026-01-02 03:20:05.000000','2026-01-02 03:20:05.000000','excuse first_error 16');
INSERT INTO "excuse" VALUES(1017,'2026-01-02 03:21:05+00:00',1017,1017,'2026-01-02 03:21:05+00:00','2026-01-02 03:21:05+00:00','2026-01-02 03:21:05+00:00','next','2026-01-02 03:21:05+00:00','2026-01-02 03:21:05+00:00','2026-01-02 03:21:05+00:00','excuse reason 17','excuse line 17','excuse partners 17','excuse evidence 17','excuse remedy 17',1,'2026-01-02 03:21:05.000000','2026-01-02 03:21:05.000000','2026-01-02 03:21:05.000000','excuse first_error 17');
INSERT INTO "excuse" VALUES(1018,'2026-01-02 03:22:05+00:00',1018,1018,'2026-01-02 03:22:05+00:00','2026-01-02 03:22:05+00:00','2026-01-02 03:22:05+00:00','freeze','2026-01-02 03:22:05+00:00','2026-01-02 03:22:05+00:00','2026-01-02 03:22:05+00:00','excuse reason 18','excuse line 18','excuse partners 18','excuse evidence 18','excuse remedy 18',1,'2026-01-02 03:22:05.000000','2026-01-02 03:22:05.000000','2026-01-02 03:22:05.000000','excuse first_error 18');
INSERT INTO "excuse" VALUES(1019,'2026-01-02 03:23:05+00:00',1019,1019,'2026-01-02 03:23:05+00:00','2026-01-02 03:23:05+00:00','2026-01-02 03:23:05+00:00','signer','2026-01-02 03:23:05+00:00','2026-01-02 03:23:05+00:00','2026-01-02 03:23:05+00:00','excuse reason 19','excuse line 19','excuse partners 19','excuse evidence 19','excuse remedy 19',1,'2026-01-02 03:23:05.000000','2026-01-02 03:23:05.000000','2026-01-02 03:23:05.000000','excuse first_error 19');
CREATE TABLE flaky_test (
	id INTEGER NOT NULL, 
	failed_job INTEGER NOT NULL, 
	passed_job INTEGER NOT NULL, 
	recipe VARCHAR NOT NULL, 
	test VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	seen_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_flaky_test PRIMARY KEY (id), 
	CONSTRAINT fk_flaky_test_failed_job FOREIGN KEY(failed_job) REFERENCES job (id), 
	CONSTRAINT fk_flaky_test_passed_job FOREIGN KEY(passed_job) REFERENCES job (id)
);
INSERT INTO "flaky_test" VALUES(1000,1000,1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
CREATE TABLE gate_result (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	gate VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	detail TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_gate_result PRIMARY KEY (id), 
	CONSTRAINT uq_gate_result_candidate_id_gate UNIQUE (candidate_id, gate), 
	CONSTRAINT ck_gate_result_state CHECK (state IN ('pending', 'passed', 'failed')), 
	CONSTRAINT fk_gate_result_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id)
);
INSERT INTO "gate_result" VALUES(1000,1000,'proof','pending','gate_result detail 0','2026-01-02 03:04:05.000000');
INSERT INTO "gate_result" VALUES(1001,1001,'abi','passed','gate_result detail 1','2026-01-02 03:05:05.000000');
INSERT INTO "gate_result" VALUES(1002,1002,'tests','failed','gate_result detail 2','2026-01-02 03:06:05.000000');
INSERT INTO "gate_result" VALUES(1003,1003,'reproduced','pending','gate_result detail 3','2026-01-02 03:07:05.000000');
INSERT INTO "gate_result" VALUES(1004,1004,'soak','passed','gate_result detail 4','2026-01-02 03:08:05.000000');
INSERT INTO "gate_result" VALUES(1005,1005,'approvals','failed','gate_result detail 5','2026-01-02 03:09:05.000000');
INSERT INTO "gate_result" VALUES(1006,1006,'licences','pending','gate_result detail 6','2026-01-02 03:10:05.000000');
INSERT INTO "gate_result" VALUES(1007,1007,'advisories','passed','gate_result detail 7','2026-01-02 03:11:05.000000');
INSERT INTO "gate_result" VALUES(1008,1008,'host','failed','gate_result detail 8','2026-01-02 03:12:05.000000');
INSERT INTO "gate_result" VALUES(1009,1009,'hardening','pending','gate_result detail 9','2026-01-02 03:13:05.000000');
INSERT INTO "gate_result" VALUES(1010,1010,'hold','passed','gate_result detail 10','2026-01-02 03:14:05.000000');
INSERT INTO "gate_result" VALUES(1011,1011,'rolled-back','failed','gate_result detail 11','2026-01-02 03:15:05.000000');
INSERT INTO "gate_result" VALUES(1012,1012,'older','pending','gate_result detail 12','2026-01-02 03:16:05.000000');
INSERT INTO "gate_result" VALUES(1013,1013,'dependents','passed','gate_result detail 13','2026-01-02 03:17:05.000000');
INSERT INTO "gate_result" VALUES(1014,1014,'transition','failed','gate_result detail 14','2026-01-02 03:18:05.000000');
INSERT INTO "gate_result" VALUES(1015,1015,'build','pending','gate_result detail 15','2026-01-02 03:19:05.000000');
INSERT INTO "gate_result" VALUES(1016,1016,'released-tests','passed','gate_result detail 16','2026-01-02 03:20:05.000000');
INSERT INTO "gate_result" VALUES(1017,1017,'next','failed','gate_result detail 17','2026-01-02 03:21:05.000000');
INSERT INTO "gate_result" VALUES(1018,1018,'freeze','pending','gate_result detail 18','2026-01-02 03:22:05.000000');
INSERT INTO "gate_result" VALUES(1019,1019,'signer','passed','gate_result detail 19','2026-01-02 03:23:05.000000');
CREATE TABLE git_change (
	repository VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	submission_id INTEGER, 
	changed_at DATETIME NOT NULL, 
	retry_at DATETIME, 
	ended BOOLEAN NOT NULL, 
	"commit" VARCHAR NOT NULL, 
	author VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	approved VARCHAR NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_git_change PRIMARY KEY (repository, name), 
	CONSTRAINT ck_git_change_state CHECK (state IN ('seen', 'unapproved', 'delayed', 'refused', 'empty', 'preview', 'merged')), 
	CONSTRAINT fk_git_change_repository FOREIGN KEY(repository) REFERENCES git_repository (name), 
	CONSTRAINT fk_git_change_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
INSERT INTO "git_change" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000',1,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','seen','2026-01-02 03:04:05+00:00','git_change detail 0');
INSERT INTO "git_change" VALUES('2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00',1001,'2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000',1,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','unapproved','2026-01-02 03:05:05+00:00','git_change detail 1');
INSERT INTO "git_change" VALUES('2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00',1002,'2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000',1,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','delayed','2026-01-02 03:06:05+00:00','git_change detail 2');
INSERT INTO "git_change" VALUES('2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00',1003,'2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000',1,'2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','refused','2026-01-02 03:07:05+00:00','git_change detail 3');
INSERT INTO "git_change" VALUES('2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00',1004,'2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000',1,'2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','empty','2026-01-02 03:08:05+00:00','git_change detail 4');
INSERT INTO "git_change" VALUES('2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00',1005,'2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000',1,'2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','preview','2026-01-02 03:09:05+00:00','git_change detail 5');
INSERT INTO "git_change" VALUES('2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00',1006,'2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000',1,'2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','merged','2026-01-02 03:10:05+00:00','git_change detail 6');
CREATE TABLE git_delivery (
	repository VARCHAR NOT NULL, 
	signature VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_git_delivery PRIMARY KEY (repository, signature)
);
INSERT INTO "git_delivery" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000');
CREATE TABLE git_repository (
	name VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	due_at DATETIME NOT NULL, 
	synced_at DATETIME, 
	delivered_at DATETIME, 
	not_before DATETIME, 
	retries BOOLEAN NOT NULL, 
	branch VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	forge VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	secret VARCHAR NOT NULL, 
	token VARCHAR NOT NULL, 
	previews VARCHAR NOT NULL, 
	created_by VARCHAR NOT NULL, 
	head VARCHAR NOT NULL, 
	refused VARCHAR NOT NULL, 
	url TEXT NOT NULL, 
	api TEXT NOT NULL, 
	members TEXT NOT NULL, 
	trouble TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	CONSTRAINT pk_git_repository PRIMARY KEY (name), 
	CONSTRAINT ck_git_repository_forge CHECK (forge IN ('github', 'forgejo')), 
	CONSTRAINT ck_git_repository_previews CHECK (previews IN ('members', 'all'))
);
INSERT INTO "git_repository" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000',1,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','github','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','members','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','git_repository url 0','git_repository api 0','git_repository members 0','git_repository trouble 0',1000);
INSERT INTO "git_repository" VALUES('2026-01-02 03:05:05+00:00','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000',1,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','forgejo','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','all','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','git_repository url 1','git_repository api 1','git_repository members 1','git_repository trouble 1',1001);
CREATE TABLE hold (
	id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	package VARCHAR NOT NULL, 
	held_by VARCHAR NOT NULL, 
	lifted_by VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	until DATETIME, 
	lifted_at DATETIME, 
	CONSTRAINT pk_hold PRIMARY KEY (id), 
	CONSTRAINT fk_hold_channel FOREIGN KEY(channel) REFERENCES channel (name)
);
INSERT INTO "hold" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','hold reason 0','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
CREATE TABLE import_trouble (
	distribution VARCHAR NOT NULL, 
	why TEXT NOT NULL, 
	since DATETIME NOT NULL, 
	CONSTRAINT pk_import_trouble PRIMARY KEY (distribution)
);
INSERT INTO "import_trouble" VALUES('2026-01-02 03:04:05+00:00','import_trouble why 0','2026-01-02 03:04:05.000000');
CREATE TABLE imported_advisories (
	distribution VARCHAR NOT NULL, 
	root VARCHAR NOT NULL, 
	advisories TEXT NOT NULL, 
	statements TEXT NOT NULL, 
	seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_imported_advisories PRIMARY KEY (distribution)
);
INSERT INTO "imported_advisories" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','imported_advisories advisories 0','imported_advisories statements 0','2026-01-02 03:04:05.000000');
CREATE TABLE imported_package (
	release_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	descriptor VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	tree VARCHAR NOT NULL, 
	facts VARCHAR NOT NULL, 
	archive VARCHAR NOT NULL, 
	descriptor_size INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	manifest_size BIGINT NOT NULL, 
	facts_size BIGINT NOT NULL, 
	archive_size BIGINT NOT NULL, 
	needs TEXT NOT NULL, 
	CONSTRAINT pk_imported_package PRIMARY KEY (release_id, name), 
	CONSTRAINT fk_imported_package_release_id FOREIGN KEY(release_id) REFERENCES imported_release (id)
);
INSERT INTO "imported_package" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,1000,1000,1000,1000,'imported_package needs 0');
CREATE TABLE imported_release (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	distribution VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	root VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	seen_at DATETIME NOT NULL, 
	shown TEXT NOT NULL, 
	CONSTRAINT pk_imported_release PRIMARY KEY (id)
);
INSERT INTO "imported_release" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05.000000','imported_release shown 0');
CREATE TABLE job (
	id INTEGER NOT NULL, 
	revision_id INTEGER, 
	submission_id INTEGER, 
	answered_by INTEGER, 
	trace VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	trouble VARCHAR NOT NULL, 
	error_code VARCHAR NOT NULL, 
	subject VARCHAR, 
	rebuild BOOLEAN NOT NULL, 
	priority INTEGER NOT NULL, 
	lost INTEGER NOT NULL, 
	troubles INTEGER NOT NULL, 
	not_before DATETIME, 
	elsewhere_until DATETIME, 
	notified_at DATETIME, 
	finished_at DATETIME, 
	created_at DATETIME NOT NULL, 
	changed_at DATETIME NOT NULL, 
	error TEXT NOT NULL, preview INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_job PRIMARY KEY (id), 
	CONSTRAINT ck_job_kind CHECK (kind IN ('build', 'test', 'comparison')), 
	CONSTRAINT ck_job_state CHECK (state IN ('waiting', 'blocked', 'ready', 'leased', 'running', 'set-aside', 'succeeded', 'failed', 'cancelled')), 
	CONSTRAINT fk_job_revision_id FOREIGN KEY(revision_id) REFERENCES recipe_revision (id), 
	CONSTRAINT fk_job_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id), 
	CONSTRAINT fk_job_answered_by FOREIGN KEY(answered_by) REFERENCES job (id)
);
INSERT INTO "job" VALUES(1000,1000,1000,1000,'2026-01-02 03:04:05+00:00','build','2026-01-02 03:04:05+00:00','waiting','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1,1000,1000,1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','job error 0',1000);
INSERT INTO "job" VALUES(1001,1001,1001,1001,'2026-01-02 03:05:05+00:00','test','2026-01-02 03:05:05+00:00','blocked','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00',1,1001,1001,1001,'2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','job error 1',1001);
INSERT INTO "job" VALUES(1002,1002,1002,1002,'2026-01-02 03:06:05+00:00','comparison','2026-01-02 03:06:05+00:00','ready','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00',1,1002,1002,1002,'2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','job error 2',1002);
INSERT INTO "job" VALUES(1003,1003,1003,1003,'2026-01-02 03:07:05+00:00','build','2026-01-02 03:07:05+00:00','leased','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00',1,1003,1003,1003,'2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','2026-01-02 03:07:05.000000','job error 3',1003);
INSERT INTO "job" VALUES(1004,1004,1004,1004,'2026-01-02 03:08:05+00:00','test','2026-01-02 03:08:05+00:00','running','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00',1,1004,1004,1004,'2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','2026-01-02 03:08:05.000000','job error 4',1004);
INSERT INTO "job" VALUES(1005,1005,1005,1005,'2026-01-02 03:09:05+00:00','comparison','2026-01-02 03:09:05+00:00','set-aside','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00','2026-01-02 03:09:05+00:00',1,1005,1005,1005,'2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','2026-01-02 03:09:05.000000','job error 5',1005);
INSERT INTO "job" VALUES(1006,1006,1006,1006,'2026-01-02 03:10:05+00:00','build','2026-01-02 03:10:05+00:00','succeeded','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00','2026-01-02 03:10:05+00:00',1,1006,1006,1006,'2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','2026-01-02 03:10:05.000000','job error 6',1006);
INSERT INTO "job" VALUES(1007,1007,1007,1007,'2026-01-02 03:11:05+00:00','test','2026-01-02 03:11:05+00:00','failed','2026-01-02 03:11:05+00:00','2026-01-02 03:11:05+00:00','2026-01-02 03:11:05+00:00',1,1007,1007,1007,'2026-01-02 03:11:05.000000','2026-01-02 03:11:05.000000','2026-01-02 03:11:05.000000','2026-01-02 03:11:05.000000','2026-01-02 03:11:05.000000','2026-01-02 03:11:05.000000','job error 7',1007);
INSERT INTO "job" VALUES(1008,1008,1008,1008,'2026-01-02 03:12:05+00:00','comparison','2026-01-02 03:12:05+00:00','cancelled','2026-01-02 03:12:05+00:00','2026-01-02 03:12:05+00:00','2026-01-02 03:12:05+00:00',1,1008,1008,1008,'2026-01-02 03:12:05.000000','2026-01-02 03:12:05.000000','2026-01-02 03:12:05.000000','2026-01-02 03:12:05.000000','2026-01-02 03:12:05.000000','2026-01-02 03:12:05.000000','job error 8',1008);
CREATE TABLE job_change (
	job_id INTEGER NOT NULL, 
	submitter VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	CONSTRAINT pk_job_change PRIMARY KEY (job_id), 
	CONSTRAINT fk_job_change_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "job_change" VALUES(1000,'2026-01-02 03:04:05+00:00',1000);
CREATE TABLE job_exclusion (
	job_id INTEGER NOT NULL, 
	worker VARCHAR NOT NULL, 
	CONSTRAINT pk_job_exclusion PRIMARY KEY (job_id, worker), 
	CONSTRAINT fk_job_exclusion_job_id FOREIGN KEY(job_id) REFERENCES job (id), 
	CONSTRAINT fk_job_exclusion_worker FOREIGN KEY(worker) REFERENCES worker (name)
);
INSERT INTO "job_exclusion" VALUES(1000,'2026-01-02 03:04:05+00:00');
CREATE TABLE job_need (
	job_id INTEGER NOT NULL, 
	recipe VARCHAR NOT NULL, 
	CONSTRAINT pk_job_need PRIMARY KEY (job_id, recipe), 
	CONSTRAINT fk_job_need_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "job_need" VALUES(1000,'2026-01-02 03:04:05+00:00');
CREATE TABLE job_request (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	act VARCHAR NOT NULL, 
	"by" VARCHAR NOT NULL, 
	why TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	made_id INTEGER, 
	CONSTRAINT pk_job_request PRIMARY KEY (id), 
	CONSTRAINT ck_job_request_act CHECK (act IN ('cancel', 'retry')), 
	CONSTRAINT fk_job_request_job_id FOREIGN KEY(job_id) REFERENCES job (id), 
	CONSTRAINT fk_job_request_made_id FOREIGN KEY(made_id) REFERENCES job (id)
);
INSERT INTO "job_request" VALUES(1000,1000,'cancel','2026-01-02 03:04:05+00:00','job_request why 0','2026-01-02 03:04:05.000000',1000);
INSERT INTO "job_request" VALUES(1001,1001,'retry','2026-01-02 03:05:05+00:00','job_request why 1','2026-01-02 03:05:05.000000',1001);
CREATE TABLE left_out (
	order_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	package VARCHAR NOT NULL, 
	stays BOOLEAN NOT NULL, 
	CONSTRAINT pk_left_out PRIMARY KEY (order_id, name), 
	CONSTRAINT fk_left_out_order_id FOREIGN KEY(order_id) REFERENCES curator_order (id)
);
INSERT INTO "left_out" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1);
CREATE TABLE membership (
	channel VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	since INTEGER NOT NULL, 
	package VARCHAR NOT NULL, 
	until INTEGER, 
	CONSTRAINT pk_membership PRIMARY KEY (channel, name, since), 
	CONSTRAINT fk_membership_channel FOREIGN KEY(channel) REFERENCES channel (name), 
	CONSTRAINT fk_membership_package FOREIGN KEY(package) REFERENCES package (digest)
);
INSERT INTO "membership" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00',1000);
CREATE TABLE need (
	channel VARCHAR NOT NULL, 
	user VARCHAR NOT NULL, 
	provider VARCHAR NOT NULL, 
	since INTEGER NOT NULL, 
	until INTEGER, 
	CONSTRAINT pk_need PRIMARY KEY (channel, user, provider, since), 
	CONSTRAINT fk_need_channel FOREIGN KEY(channel) REFERENCES channel (name)
);
INSERT INTO "need" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,1000);
CREATE TABLE nonce (
	worker VARCHAR NOT NULL, 
	nonce VARCHAR NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_nonce PRIMARY KEY (worker, nonce), 
	CONSTRAINT fk_nonce_worker FOREIGN KEY(worker) REFERENCES worker (name)
);
INSERT INTO "nonce" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000');
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	sent_at DATETIME, 
	task VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT fk_outbox_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "outbox" VALUES(1000,1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000');
CREATE TABLE ownership (
	id INTEGER NOT NULL, 
	owners TEXT, 
	curators TEXT NOT NULL, 
	trouble TEXT NOT NULL, 
	CONSTRAINT pk_ownership PRIMARY KEY (id)
);
INSERT INTO "ownership" VALUES(1000,'ownership owners 0','ownership curators 0','ownership trouble 0');
CREATE TABLE package (
	digest VARCHAR NOT NULL, 
	tree VARCHAR NOT NULL, 
	"plan" VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	attempt_id INTEGER NOT NULL, 
	built_by VARCHAR NOT NULL, 
	built_at DATETIME NOT NULL, 
	same_as VARCHAR NOT NULL, 
	descriptor_size INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	build INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	platform VARCHAR NOT NULL, 
	license VARCHAR NOT NULL, 
	archive VARCHAR NOT NULL, 
	facts VARCHAR NOT NULL, 
	provenance VARCHAR NOT NULL, 
	sbom VARCHAR NOT NULL, 
	summary TEXT NOT NULL, 
	archive_size BIGINT NOT NULL, 
	manifest_size BIGINT NOT NULL, 
	facts_size BIGINT NOT NULL, 
	provenance_size BIGINT NOT NULL, 
	sbom_size BIGINT NOT NULL, 
	CONSTRAINT pk_package PRIMARY KEY (digest), 
	CONSTRAINT fk_package_plan FOREIGN KEY("plan") REFERENCES "plan" (digest), 
	CONSTRAINT fk_package_recipe FOREIGN KEY(recipe) REFERENCES recipe_revision (digest), 
	CONSTRAINT fk_package_attempt_id FOREIGN KEY(attempt_id) REFERENCES attempt (id), 
	CONSTRAINT fk_package_built_by FOREIGN KEY(built_by) REFERENCES worker (name)
);
INSERT INTO "package" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00',1000,1000,1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','package summary 0',1000,1000,1000,1000,1000);
CREATE TABLE "plan" (
	digest VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	build INTEGER NOT NULL, 
	CONSTRAINT pk_plan PRIMARY KEY (digest)
);
INSERT INTO "plan" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','plan body 0',1000);
CREATE TABLE preview (
	submission_id INTEGER NOT NULL, 
	expires_at DATETIME NOT NULL, 
	removed_at DATETIME, 
	channel VARCHAR NOT NULL, 
	release VARCHAR NOT NULL, 
	origin TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	CONSTRAINT pk_preview PRIMARY KEY (submission_id), 
	CONSTRAINT fk_preview_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
INSERT INTO "preview" VALUES(1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','preview origin 0','preview verdict 0');
CREATE TABLE preview_package (
	preview INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	tree VARCHAR NOT NULL, 
	"plan" VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	attempt_id INTEGER NOT NULL, 
	built_by VARCHAR NOT NULL, 
	built_at DATETIME NOT NULL, 
	same_as VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	platform VARCHAR NOT NULL, 
	license VARCHAR NOT NULL, 
	archive VARCHAR NOT NULL, 
	facts VARCHAR NOT NULL, 
	provenance VARCHAR NOT NULL, 
	sbom VARCHAR NOT NULL, 
	summary TEXT NOT NULL, 
	consumed TEXT NOT NULL, 
	descriptor_size INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	build INTEGER NOT NULL, 
	archive_size BIGINT NOT NULL, 
	manifest_size BIGINT NOT NULL, 
	facts_size BIGINT NOT NULL, 
	provenance_size BIGINT NOT NULL, 
	sbom_size BIGINT NOT NULL, 
	CONSTRAINT pk_preview_package PRIMARY KEY (preview, digest), 
	CONSTRAINT fk_preview_package_preview FOREIGN KEY(preview) REFERENCES preview (submission_id), 
	CONSTRAINT fk_preview_package_plan FOREIGN KEY("plan") REFERENCES "plan" (digest), 
	CONSTRAINT fk_preview_package_recipe FOREIGN KEY(recipe) REFERENCES recipe_revision (digest), 
	CONSTRAINT fk_preview_package_attempt_id FOREIGN KEY(attempt_id) REFERENCES attempt (id), 
	CONSTRAINT fk_preview_package_built_by FOREIGN KEY(built_by) REFERENCES worker (name)
);
INSERT INTO "preview_package" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','preview_package summary 0','preview_package consumed 0',1000,1000,1000,1000,1000,1000,1000,1000);
CREATE TABLE preview_recipe (
	preview INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	current_id INTEGER NOT NULL, 
	built_id INTEGER, 
	built_plan VARCHAR, 
	newest_plan VARCHAR, 
	base_id INTEGER, 
	CONSTRAINT pk_preview_recipe PRIMARY KEY (preview, name), 
	CONSTRAINT fk_preview_recipe_preview FOREIGN KEY(preview) REFERENCES preview (submission_id), 
	CONSTRAINT fk_preview_recipe_current_id FOREIGN KEY(current_id) REFERENCES recipe_revision (id), 
	CONSTRAINT fk_preview_recipe_built_id FOREIGN KEY(built_id) REFERENCES recipe_revision (id), 
	CONSTRAINT fk_preview_recipe_built_plan FOREIGN KEY(built_plan) REFERENCES "plan" (digest), 
	CONSTRAINT fk_preview_recipe_base_id FOREIGN KEY(base_id) REFERENCES recipe_revision (id)
);
INSERT INTO "preview_recipe" VALUES(1000,'2026-01-02 03:04:05+00:00',1000,1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000);
CREATE TABLE provided_file (
	path VARCHAR NOT NULL, 
	package VARCHAR NOT NULL, 
	CONSTRAINT pk_provided_file PRIMARY KEY (path, package)
);
INSERT INTO "provided_file" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00');
CREATE TABLE recipe (
	name VARCHAR NOT NULL, 
	current_id INTEGER NOT NULL, 
	built_id INTEGER, 
	built_plan VARCHAR, 
	built_at DATETIME, 
	newest_plan VARCHAR, 
	CONSTRAINT pk_recipe PRIMARY KEY (name), 
	CONSTRAINT fk_recipe_current_id FOREIGN KEY(current_id) REFERENCES recipe_revision (id), 
	CONSTRAINT fk_recipe_built_id FOREIGN KEY(built_id) REFERENCES recipe_revision (id), 
	CONSTRAINT fk_recipe_built_plan FOREIGN KEY(built_plan) REFERENCES "plan" (digest)
);
INSERT INTO "recipe" VALUES('2026-01-02 03:04:05+00:00',1000,1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00');
CREATE TABLE recipe_commit (
	submission_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	"commit" VARCHAR NOT NULL, 
	committed_at DATETIME NOT NULL, 
	url TEXT NOT NULL, 
	author TEXT NOT NULL, 
	author_email TEXT NOT NULL, 
	committer TEXT NOT NULL, 
	committer_email TEXT NOT NULL, 
	signature VARCHAR NOT NULL, 
	signer VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	CONSTRAINT pk_recipe_commit PRIMARY KEY (submission_id, name), 
	CONSTRAINT fk_recipe_commit_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
INSERT INTO "recipe_commit" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','recipe_commit url 0','recipe_commit author 0','recipe_commit author_email 0','recipe_commit committer 0','recipe_commit committer_email 0','verified','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00');
INSERT INTO "recipe_commit" VALUES(1001,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05.000000','recipe_commit url 1','recipe_commit author 1','recipe_commit author_email 1','recipe_commit committer 1','recipe_commit committer_email 1','unknown-key','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00');
INSERT INTO "recipe_commit" VALUES(1002,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05.000000','recipe_commit url 2','recipe_commit author 2','recipe_commit author_email 2','recipe_commit committer 2','recipe_commit committer_email 2','unsigned','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00');
INSERT INTO "recipe_commit" VALUES(1003,'2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05.000000','recipe_commit url 3','recipe_commit author 3','recipe_commit author_email 3','recipe_commit committer 3','recipe_commit committer_email 3','bad','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00');
INSERT INTO "recipe_commit" VALUES(1004,'2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05.000000','recipe_commit url 4','recipe_commit author 4','recipe_commit author_email 4','recipe_commit committer 4','recipe_commit committer_email 4','not-verified','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05+00:00');
CREATE TABLE recipe_need (
	recipe VARCHAR NOT NULL, 
	needs VARCHAR NOT NULL, 
	CONSTRAINT pk_recipe_need PRIMARY KEY (recipe, needs), 
	CONSTRAINT fk_recipe_need_recipe FOREIGN KEY(recipe) REFERENCES recipe (name)
);
INSERT INTO "recipe_need" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00');
CREATE TABLE recipe_output (
	package VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	CONSTRAINT pk_recipe_output PRIMARY KEY (package), 
	CONSTRAINT fk_recipe_output_recipe FOREIGN KEY(recipe) REFERENCES recipe (name)
);
INSERT INTO "recipe_output" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00');
CREATE TABLE recipe_revision (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	submission_id INTEGER NOT NULL, 
	version VARCHAR NOT NULL, 
	license VARCHAR NOT NULL, 
	toolchain VARCHAR NOT NULL, 
	files VARCHAR NOT NULL, 
	revision INTEGER NOT NULL, 
	summary TEXT NOT NULL, 
	CONSTRAINT pk_recipe_revision PRIMARY KEY (id), 
	CONSTRAINT uq_recipe_revision_digest UNIQUE (digest), 
	CONSTRAINT fk_recipe_revision_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
INSERT INTO "recipe_revision" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'recipe_revision summary 0');
CREATE TABLE recipe_signature (
	recipe VARCHAR NOT NULL, 
	envelope VARCHAR NOT NULL, 
	submission_id INTEGER NOT NULL, 
	person VARCHAR NOT NULL, 
	signed_at DATETIME NOT NULL, 
	CONSTRAINT pk_recipe_signature PRIMARY KEY (recipe, envelope), 
	CONSTRAINT fk_recipe_signature_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
INSERT INTO "recipe_signature" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000');
CREATE TABLE release (
	id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	candidate_id INTEGER, 
	digest VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	packages INTEGER NOT NULL, 
	set_digest VARCHAR NOT NULL, 
	previous VARCHAR NOT NULL, 
	trace VARCHAR NOT NULL, 
	released_at DATETIME NOT NULL, 
	published_at DATETIME, 
	CONSTRAINT pk_release PRIMARY KEY (id), 
	CONSTRAINT uq_release_channel_number UNIQUE (channel, number), 
	CONSTRAINT fk_release_channel FOREIGN KEY(channel) REFERENCES channel (name), 
	CONSTRAINT fk_release_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id), 
	CONSTRAINT uq_release_digest UNIQUE (digest)
);
INSERT INTO "release" VALUES(1000,'2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00',1000,1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
CREATE TABLE report (
	id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	package VARCHAR NOT NULL, 
	reported_by VARCHAR NOT NULL, 
	resolved_by VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	resolved_at DATETIME, 
	delivered_at DATETIME, 
	CONSTRAINT pk_report PRIMARY KEY (id), 
	CONSTRAINT fk_report_channel FOREIGN KEY(channel) REFERENCES channel (name)
);
INSERT INTO "report" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','report reason 0','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
CREATE TABLE review (
	package VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	stated_at DATETIME NOT NULL, 
	stated_by VARCHAR NOT NULL, 
	CONSTRAINT pk_review PRIMARY KEY (package, source)
);
INSERT INTO "review" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00');
CREATE TABLE set_run (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	set_digest VARCHAR NOT NULL, 
	purpose VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	atoms INTEGER NOT NULL, 
	tests INTEGER NOT NULL, 
	detail TEXT NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	CONSTRAINT pk_set_run PRIMARY KEY (id), 
	CONSTRAINT ck_set_run_state CHECK (state IN ('pending', 'green', 'red')), 
	CONSTRAINT ck_set_run_purpose CHECK (purpose IN ('search', 'retry', 'evidence')), 
	CONSTRAINT uq_set_run_candidate_id_set_digest UNIQUE (candidate_id, set_digest), 
	CONSTRAINT fk_set_run_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidate (id)
);
INSERT INTO "set_run" VALUES(1000,1000,'2026-01-02 03:04:05+00:00','search','pending',1000,1000,'set_run detail 0','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
INSERT INTO "set_run" VALUES(1001,1001,'2026-01-02 03:05:05+00:00','retry','green',1001,1001,'set_run detail 1','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000');
INSERT INTO "set_run" VALUES(1002,1002,'2026-01-02 03:06:05+00:00','evidence','red',1002,1002,'set_run detail 2','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000');
CREATE TABLE signed_order (
	digest VARCHAR NOT NULL, 
	order_id INTEGER, 
	channel VARCHAR NOT NULL, 
	act VARCHAR NOT NULL, 
	curator VARCHAR NOT NULL, 
	envelope TEXT NOT NULL, 
	refused TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	delivered_at DATETIME, 
	CONSTRAINT pk_signed_order PRIMARY KEY (digest), 
	CONSTRAINT fk_signed_order_order_id FOREIGN KEY(order_id) REFERENCES curator_order (id)
);
INSERT INTO "signed_order" VALUES('2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','signed_order envelope 0','signed_order refused 0','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
CREATE TABLE submission (
	id INTEGER NOT NULL, 
	trace VARCHAR NOT NULL, 
	state VARCHAR DEFAULT 'taken' NOT NULL, 
	submitted_by VARCHAR NOT NULL, 
	submitted_at DATETIME NOT NULL, 
	CONSTRAINT pk_submission PRIMARY KEY (id), 
	CONSTRAINT ck_submission_state CHECK (state IN ('taken', 'waiting', 'preview', 'withdrawn', 'expired'))
);
INSERT INTO "submission" VALUES(1000,'2026-01-02 03:04:05+00:00','taken','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000');
INSERT INTO "submission" VALUES(1001,'2026-01-02 03:05:05+00:00','waiting','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05.000000');
INSERT INTO "submission" VALUES(1002,'2026-01-02 03:06:05+00:00','preview','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05.000000');
INSERT INTO "submission" VALUES(1003,'2026-01-02 03:07:05+00:00','withdrawn','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05.000000');
INSERT INTO "submission" VALUES(1004,'2026-01-02 03:08:05+00:00','expired','2026-01-02 03:08:05+00:00','2026-01-02 03:08:05.000000');
CREATE TABLE submitted_recipe (
	submission_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	files VARCHAR NOT NULL, 
	CONSTRAINT pk_submitted_recipe PRIMARY KEY (submission_id, name), 
	CONSTRAINT fk_submitted_recipe_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
INSERT INTO "submitted_recipe" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00');
CREATE TABLE test (
	digest VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	test VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_test PRIMARY KEY (digest)
);
INSERT INTO "test" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','test body 0');
CREATE TABLE token (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	CONSTRAINT pk_token PRIMARY KEY (id), 
	CONSTRAINT ck_token_role CHECK (role IN ('maintainer', 'curator', 'admin')), 
	CONSTRAINT uq_token_digest UNIQUE (digest)
);
INSERT INTO "token" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','maintainer','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
INSERT INTO "token" VALUES(1001,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','curator','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000');
INSERT INTO "token" VALUES(1002,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','admin','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000');
CREATE TABLE tracked_state (
	subject VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	submitter VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	since DATETIME NOT NULL, 
	number INTEGER NOT NULL, 
	notified_state VARCHAR NOT NULL, 
	events INTEGER NOT NULL, 
	counted_at DATETIME NOT NULL, 
	quiet_until DATETIME, 
	package VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	release INTEGER, 
	submission_id INTEGER, 
	job_id INTEGER, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_tracked_state PRIMARY KEY (subject, name), 
	CONSTRAINT ck_tracked_state_subject CHECK (subject IN ('build', 'submission', 'package')), 
	CONSTRAINT fk_tracked_state_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
INSERT INTO "tracked_state" VALUES('build','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000',1000,'2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1000,1000,1000,'tracked_state detail 0');
INSERT INTO "tracked_state" VALUES('submission','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05.000000',1001,'2026-01-02 03:05:05+00:00',1001,'2026-01-02 03:05:05.000000','2026-01-02 03:05:05.000000','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00',1001,1001,1001,'tracked_state detail 1');
INSERT INTO "tracked_state" VALUES('package','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05.000000',1002,'2026-01-02 03:06:05+00:00',1002,'2026-01-02 03:06:05.000000','2026-01-02 03:06:05.000000','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00',1002,1002,1002,'tracked_state detail 2');
CREATE TABLE unsigned_word (
	digest VARCHAR NOT NULL, 
	description VARCHAR NOT NULL, 
	CONSTRAINT pk_unsigned_word PRIMARY KEY (digest)
);
INSERT INTO "unsigned_word" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00');
CREATE TABLE vex (
	id INTEGER NOT NULL, 
	vulnerability VARCHAR NOT NULL, 
	package VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	justification VARCHAR NOT NULL, 
	stated_by VARCHAR NOT NULL, 
	statement TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_vex PRIMARY KEY (id), 
	CONSTRAINT ck_vex_status CHECK (status IN ('not_affected', 'affected', 'fixed', 'under_investigation'))
);
INSERT INTO "vex" VALUES(1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','not_affected','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','vex statement 0','2026-01-02 03:04:05.000000');
INSERT INTO "vex" VALUES(1001,'2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','affected','2026-01-02 03:05:05+00:00','2026-01-02 03:05:05+00:00','vex statement 1','2026-01-02 03:05:05.000000');
INSERT INTO "vex" VALUES(1002,'2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','fixed','2026-01-02 03:06:05+00:00','2026-01-02 03:06:05+00:00','vex statement 2','2026-01-02 03:06:05.000000');
INSERT INTO "vex" VALUES(1003,'2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','under_investigation','2026-01-02 03:07:05+00:00','2026-01-02 03:07:05+00:00','vex statement 3','2026-01-02 03:07:05.000000');
CREATE TABLE wanted_archive (
	archive VARCHAR NOT NULL, 
	size BIGINT NOT NULL, 
	name VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
	CONSTRAINT pk_wanted_archive PRIMARY KEY (archive)
);
INSERT INTO "wanted_archive" VALUES('2026-01-02 03:04:05+00:00',1000,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00');
CREATE TABLE webhook (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	url TEXT NOT NULL, 
	events VARCHAR NOT NULL, 
	secret VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	failures INTEGER NOT NULL, 
	failing_since DATETIME, 
	not_before DATETIME, 
	trouble TEXT NOT NULL, 
	delivered_at DATETIME, 
	disabled_at DATETIME, 
	CONSTRAINT pk_webhook PRIMARY KEY (id)
);
INSERT INTO "webhook" VALUES(1000,'2026-01-02 03:04:05+00:00','webhook url 0','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000',1000,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','webhook trouble 0','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
CREATE TABLE who_orders (
	id INTEGER NOT NULL, 
	people TEXT NOT NULL, 
	CONSTRAINT pk_who_orders PRIMARY KEY (id)
);
INSERT INTO "who_orders" VALUES(1000,'who_orders people 0');
CREATE TABLE worker (
	name VARCHAR NOT NULL, 
	public_key VARCHAR NOT NULL, 
	builds BOOLEAN NOT NULL, 
	tests BOOLEAN NOT NULL, 
	enrolled_by VARCHAR NOT NULL, 
	enrolled_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	seen_at DATETIME, 
	CONSTRAINT pk_worker PRIMARY KEY (name), 
	CONSTRAINT uq_worker_public_key UNIQUE (public_key)
);
INSERT INTO "worker" VALUES('2026-01-02 03:04:05+00:00','2026-01-02 03:04:05+00:00',1,1,'2026-01-02 03:04:05+00:00','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000');
CREATE INDEX ix_advisory_added_at ON advisory (added_at);
CREATE INDEX ix_advisory_package_advisory ON advisory_package (advisory);
CREATE INDEX ix_attempt_expiry ON attempt (state, expires_at);
CREATE INDEX ix_attempt_worker ON attempt (worker, id);
CREATE INDEX ix_attestation_at ON attestation (at);
CREATE INDEX ix_attestation_attempt_id ON attestation (attempt_id);
CREATE INDEX ix_audit_actor ON audit (actor, id);
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_audit_channel ON audit (channel, id);
CREATE INDEX ix_candidate_change_after ON candidate_change ("after");
CREATE INDEX ix_candidate_channel ON candidate (channel, id);
CREATE INDEX ix_candidate_pin_release_id ON candidate_pin (release_id);
CREATE INDEX ix_candidate_set ON candidate (channel, set_digest);
CREATE INDEX ix_candidate_test_job_id ON candidate_test (job_id);
CREATE INDEX ix_candidate_trace ON candidate (trace);
CREATE INDEX ix_commit_status_changed ON commit_status (repository, changed_at);
CREATE INDEX ix_commit_status_changed_at ON commit_status (changed_at);
CREATE INDEX ix_commit_status_due_at ON commit_status (due_at);
CREATE INDEX ix_consumed_library ON consumed (library);
CREATE INDEX ix_curator_order_open ON curator_order (channel, done_at, id);
CREATE INDEX ix_delivery_due ON delivery (due_at, id);
CREATE INDEX ix_delivery_event_id ON delivery (event_id);
CREATE INDEX ix_delivery_webhook ON delivery (webhook_id, id);
CREATE INDEX ix_difference_attempt_id ON difference (attempt_id);
CREATE INDEX ix_event_at ON event (at);
CREATE INDEX ix_event_package ON event (package, id);
CREATE INDEX ix_event_submitter ON event (submitter, id);
CREATE INDEX ix_excuse_candidate_id ON excuse (candidate_id);
CREATE INDEX ix_excuse_job_id ON excuse (job_id);
CREATE INDEX ix_excuse_open ON excuse (channel, cleared_at);
CREATE INDEX ix_excuse_package ON excuse (package, channel);
CREATE INDEX ix_excuse_until ON excuse (until);
CREATE INDEX ix_flaky_test_name ON flaky_test (recipe, test, version);
CREATE INDEX ix_git_change_state ON git_change (state, repository);
CREATE INDEX ix_git_change_submission_id ON git_change (submission_id);
CREATE INDEX ix_git_delivery_at ON git_delivery (at);
CREATE INDEX ix_git_repository_due_at ON git_repository (due_at);
CREATE INDEX ix_hold_channel ON hold (channel, package);
CREATE INDEX ix_imported_package_descriptor ON imported_package (descriptor);
CREATE INDEX ix_imported_release_digest ON imported_release (digest, id);
CREATE INDEX ix_imported_release_newest ON imported_release (distribution, channel, root, id);
CREATE INDEX ix_job_answered ON job (id) WHERE answered_by IS NOT NULL;
CREATE INDEX ix_job_change_number ON job_change (number);
CREATE INDEX ix_job_change_submitter ON job_change (submitter, number);
CREATE INDEX ix_job_claim ON job (state, priority, id);
CREATE INDEX ix_job_name ON job (name, id);
CREATE INDEX ix_job_need_recipe ON job_need (recipe, job_id);
CREATE INDEX ix_job_preview ON job (preview, state);
CREATE INDEX ix_job_request_job_id ON job_request (job_id);
CREATE INDEX ix_job_request_made_id ON job_request (made_id);
CREATE INDEX ix_job_revision_id ON job (revision_id);
CREATE INDEX ix_job_state ON job (state, id);
CREATE INDEX ix_job_subject ON job (subject, state);
CREATE INDEX ix_job_submission ON job (submission_id, state);
CREATE INDEX ix_job_submission_id ON job (submission_id);
CREATE INDEX ix_job_trace ON job (trace);
CREATE INDEX ix_job_trouble ON job (state, changed_at) WHERE trouble != '';
CREATE INDEX ix_left_out_package ON left_out (package);
CREATE INDEX ix_membership_package ON membership (package, channel);
CREATE INDEX ix_membership_since ON membership (channel, since);
CREATE INDEX ix_membership_until ON membership (channel, until);
CREATE INDEX ix_need_provider ON need (channel, provider, user);
CREATE INDEX ix_need_since ON need (channel, since);
CREATE INDEX ix_need_until ON need (channel, until);
CREATE INDEX ix_nonce_expires_at ON nonce (expires_at);
CREATE INDEX ix_outbox_job_id ON outbox (job_id);
CREATE INDEX ix_outbox_sent_at ON outbox (sent_at);
CREATE INDEX ix_outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX ix_package_attempt_id ON package (attempt_id);
CREATE INDEX ix_package_built_at ON package (built_at);
CREATE INDEX ix_package_name ON package (name, digest);
CREATE INDEX ix_package_plan ON package ("plan");
CREATE INDEX ix_package_recipe ON package (recipe);
CREATE INDEX ix_package_same_as ON package (same_as);
CREATE INDEX ix_package_tree ON package (tree);
CREATE INDEX ix_plan_name ON "plan" (name);
CREATE INDEX ix_preview_expires_at ON preview (expires_at);
CREATE INDEX ix_preview_package_attempt_id ON preview_package (attempt_id);
CREATE INDEX ix_preview_package_built_at ON preview_package (built_at);
CREATE INDEX ix_preview_package_name ON preview_package (name, preview);
CREATE INDEX ix_preview_package_plan ON preview_package ("plan");
CREATE INDEX ix_preview_package_recipe ON preview_package (recipe);
CREATE INDEX ix_preview_package_same_as ON preview_package (same_as);
CREATE INDEX ix_preview_package_tree ON preview_package (tree);
CREATE INDEX ix_preview_recipe_current_id ON preview_recipe (current_id);
CREATE INDEX ix_recipe_built_at ON recipe (built_at);
CREATE INDEX ix_recipe_built_id ON recipe (built_id);
CREATE INDEX ix_recipe_built_plan ON recipe (built_plan);
CREATE INDEX ix_recipe_commit_commit ON recipe_commit ("commit");
CREATE INDEX ix_recipe_current_id ON recipe (current_id);
CREATE INDEX ix_recipe_need_needs ON recipe_need (needs, recipe);
CREATE INDEX ix_recipe_newest_plan ON recipe (newest_plan);
CREATE INDEX ix_recipe_output_recipe ON recipe_output (recipe);
CREATE INDEX ix_recipe_revision_name ON recipe_revision (name);
CREATE INDEX ix_recipe_revision_submission_id ON recipe_revision (submission_id);
CREATE INDEX ix_recipe_signature_envelope ON recipe_signature (envelope);
CREATE INDEX ix_recipe_signature_submission_id ON recipe_signature (submission_id);
CREATE INDEX ix_release_candidate_id ON release (candidate_id);
CREATE INDEX ix_report_package ON report (package, channel);
CREATE INDEX ix_signed_order_delivered ON signed_order (delivered_at, at);
CREATE INDEX ix_signed_order_order_id ON signed_order (order_id);
CREATE INDEX ix_submission_state ON submission (state, id);
CREATE INDEX ix_submission_trace ON submission (trace);
CREATE INDEX ix_test_subject ON test (subject);
CREATE INDEX ix_tracked_state_change ON tracked_state (submitter, number);
CREATE INDEX ix_tracked_state_number ON tracked_state (number);
CREATE INDEX ix_tracked_state_quiet ON tracked_state (quiet_until) WHERE quiet_until IS NOT NULL;
CREATE INDEX ix_tracked_state_submitter ON tracked_state (submitter, subject, state);
CREATE INDEX ix_vex_package ON vex (package, vulnerability);
CREATE INDEX ix_webhook_owner ON webhook (owner, id);
CREATE UNIQUE INDEX uq_attempt_live_job ON attempt (job_id) WHERE state IN ('leased', 'running');
CREATE UNIQUE INDEX uq_job_active_subject ON job (subject, preview) WHERE state IN ('ready', 'leased', 'running');
COMMIT;
