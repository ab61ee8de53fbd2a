/* The mailbox made quicker: selection, keys, one pane at a time on the phone, new mail. It remembers nothing, and
   everything it does can be done with links and forms. */

import "./mailbox/new-mail.js";
import "./mailbox/shortcuts.js";
import "./mailbox/undo.js";
import { settle } from "./mailbox/list.js";
import { find } from "./mailbox/page.js";

settle();
find("#messages > .is-open")?.scrollIntoView({ block: "nearest" });
