/** The page as the server sends it. */
import { mount } from "./app.js";
import { connect } from "./transport.js";

const place = document.getElementById("lab");
if (place) mount(place, connect(`ws://${location.host}/ws`), { ownsUrl: true });
