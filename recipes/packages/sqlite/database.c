/* Writes rows with a prepared statement, rolls some of them back, reads the rest and has them added up by C. */
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

static sqlite3 *database;

static void check(int code) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
        return;
    fprintf(stderr, "%d: %s\n", code, sqlite3_errmsg(database));
    exit(1);
}

static void insert(int from, int to) {
    sqlite3_stmt *statement;

    check(sqlite3_prepare_v2(database, "insert into numbers values (?)", -1, &statement, NULL));
    for (int number = from; number <= to; number++) {
        check(sqlite3_bind_int(statement, 1, number));
        check(sqlite3_step(statement));
        check(sqlite3_reset(statement));
    }
    check(sqlite3_finalize(statement));
}

static void plus_one(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    sqlite3_result_int(context, sqlite3_value_int(values[0]) + 1);
}

int main(void) {
    sqlite3_stmt *statement;

    check(sqlite3_open("/tmp/numbers.db", &database));
    check(sqlite3_exec(database, "create table numbers (n integer)", NULL, NULL, NULL));
    check(sqlite3_create_function(database, "plus_one", 1, SQLITE_UTF8, NULL, plus_one, NULL, NULL));
    check(sqlite3_exec(database, "begin", NULL, NULL, NULL));
    insert(0, 2);
    check(sqlite3_exec(database, "commit; begin", NULL, NULL, NULL));
    insert(100, 200);
    check(sqlite3_exec(database, "rollback", NULL, NULL, NULL));
    check(sqlite3_prepare_v2(database, "select count(*), sum(plus_one(n)) from numbers", -1, &statement, NULL));
    check(sqlite3_step(statement));
    printf("%d rows kept, sum %d\n", sqlite3_column_int(statement, 0), sqlite3_column_int(statement, 1));
    check(sqlite3_finalize(statement));
    return sqlite3_close(database);
}
