"""The variables of the environment that say where the service is and how it is called."""

URL_VARIABLE = "VREID_URL"
API_KEY_VARIABLE = "VREID_API_KEY"
CA_VARIABLE = "VREID_CA_CERTIFICATE"
