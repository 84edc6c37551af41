//! Home Assistant's discovery of this device, in one retained message (device discovery of its MQTT
//! integration, with the abbreviated keys).

use serde_json::{Map, Value, json};

use crate::face::measure::EventKind;
use crate::machine::VERSION;

/// Home Assistant says here when it has started.
pub const STATUS: &str = "homeassistant/status";

/// The topic for a device.
pub fn topic(id: &str) -> String {
    format!("homeassistant/device/{id}/config")
}

/// A number of the state: key, name, unit, symbol, what is shown of it.
const SENSORS: [(&str, &str, Option<&str>, &str); 12] = [
    ("yaw", "Head yaw", Some("°"), "mdi:axis-z-rotate-clockwise"),
    ("pitch", "Head pitch", Some("°"), "mdi:axis-x-rotate-clockwise"),
    ("roll", "Head roll", Some("°"), "mdi:axis-y-rotate-clockwise"),
    ("distance_mm", "Head distance", Some("mm"), "mdi:arrow-expand-horizontal"),
    ("right_eye", "Right eye open", Some("%"), "mdi:eye"),
    ("left_eye", "Left eye open", Some("%"), "mdi:eye"),
    ("perclos", "Eyes closed of the last minute", Some("%"), "mdi:sleep"),
    ("mouth", "Mouth open", Some("%"), "mdi:emoticon-excited-outline"),
    ("faces", "Faces", None, "mdi:face-recognition"),
    ("fps", "Frames a second", Some("fps"), "mdi:speedometer"),
    ("dropped", "Dropped frames", None, "mdi:image-off-outline"),
    ("temperature_c", "Temperature", Some("°C"), "mdi:thermometer"),
];

/// Those of 0 to 1, which people read in per cent.
const SHARES: [&str; 4] = ["right_eye", "left_eye", "perclos", "mouth"];

/// Null in the state becomes "None", which Home Assistant shows as unknown.
pub fn config(id: &str, prefix: &str) -> Value {
    let mut components = Map::new();
    for (key, name, unit, icon) in SENSORS {
        let template = if SHARES.contains(&key) {
            format!("{{{{ (value_json.{key} * 100) | round if value_json.{key} is not none else None }}}}")
        } else {
            format!("{{{{ value_json.{key} }}}}")
        };
        let mut sensor = json!({
            "p": "sensor", "name": name, "uniq_id": format!("{id}_{key}"), "stat_t": format!("{prefix}/state"),
            "val_tpl": template, "ic": icon,
            "stat_cla": if key == "dropped" { "total_increasing" } else { "measurement" },
        });
        if let Some(unit) = unit {
            sensor["unit_of_meas"] = json!(unit);
        }
        if key == "temperature_c" {
            sensor["dev_cla"] = json!("temperature");
            sensor["ent_cat"] = json!("diagnostic");
        }
        if key == "distance_mm" {
            sensor["dev_cla"] = json!("distance");
        }
        components.insert(key.into(), sensor);
    }
    let binary = |key: &str, name: &str, class: Option<&str>, template: &str| {
        let mut sensor = json!({
            "p": "binary_sensor", "name": name, "uniq_id": format!("{id}_{key}"),
            "stat_t": format!("{prefix}/state"), "val_tpl": template,
        });
        if let Some(class) = class {
            sensor["dev_cla"] = json!(class);
        }
        sensor
    };
    let closed = "{{ 'None' if value_json.eyes_closed is none else 'ON' if value_json.eyes_closed else 'OFF' }}";
    components.insert("eyes_closed".into(), binary("eyes_closed", "Eyes closed", None, closed));
    let trouble = "{{ 'OFF' if value_json.trouble is none else 'ON' }}";
    components.insert("trouble".into(), binary("trouble", "Camera trouble", Some("problem"), trouble));
    components.insert(
        "event".into(),
        json!({
            "p": "event", "name": "Face event", "uniq_id": format!("{id}_event"), "stat_t": format!("{prefix}/events"),
            "evt_typ": EventKind::ALL.map(EventKind::name),
            "val_tpl": "{{ {'event_type': value_json.event, 'face': value_json.face, \
                        'lasted_s': value_json.lasted_s} | to_json }}",
        }),
    );
    json!({
        "dev": {
            "ids": [id], "name": device_name(prefix), "mdl": "Face landmarks", "sw": VERSION,
        },
        "o": { "name": "wingmark", "sw": VERSION },
        "avty_t": format!("{prefix}/available"),
        "cmps": components,
    })
}

/// Names the program once, also where the prefix does.
fn device_name(prefix: &str) -> String {
    if prefix.split('/').next() == Some("wingmark") { prefix.into() } else { format!("wingmark {prefix}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::measure::EventKind;
    use crate::publish::mqtt::state::{self, RunFigures};
    use crate::record::entry::Entry;

    #[test]
    fn each_component_names_what_the_state_has() {
        let config = config("wingmark_desk", "desk");
        let components = config["cmps"].as_object().unwrap();
        let state = state::state(&Entry::now(Default::default()), None, None, &RunFigures::default());
        for (key, component) in components {
            assert!(component["uniq_id"].as_str().unwrap().starts_with("wingmark_desk_"));
            if component["stat_t"] == "desk/state" {
                assert!(state.as_object().unwrap().contains_key(key), "{key} is not in {state}");
                assert!(component["val_tpl"].as_str().unwrap().contains(&format!("value_json.{key}")), "{component}");
            }
        }
        assert_eq!(components.len(), 15);
    }

    #[test]
    fn the_device_is_called_wingmark_once() {
        let name = |prefix| config("id", prefix)["dev"]["name"].clone();
        assert_eq!(
            ["wingmark", "wingmark/desk", "desk", "wingmarks"].map(name),
            ["wingmark", "wingmark/desk", "wingmark desk", "wingmark wingmarks"]
        );
    }

    #[test]
    fn every_kind_of_event_is_announced() {
        let config = config("a", "a");
        let kinds = [EventKind::Blink, EventKind::EyesClosed, EventKind::EyesOpened, EventKind::Yawn, EventKind::Nod];
        assert_eq!(config["cmps"]["event"]["evt_typ"], json!(kinds.map(EventKind::name)));
    }
}
