/* Reads an object, changes it, writes it, and expects text that is not JSON to be refused. */
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

int main(void) {
    enum json_tokener_error problem;
    json_object *object =
        json_tokener_parse_verbose("{\"name\": \"caf\\u00e9\", \"sizes\": [1, 2], \"deep\": {\"ok\": true}}", &problem);
    json_object *sizes = NULL;

    if (object == NULL || problem != json_tokener_success)
        return 1;
    if (!json_object_object_get_ex(object, "sizes", &sizes) || json_object_array_length(sizes) != 2)
        return 2;
    json_object_array_add(sizes, json_object_new_int64(3));
    if (json_tokener_parse_verbose("{\"name\": }", &problem) != NULL || problem == json_tokener_success)
        return 3;
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
    return 0;
}
